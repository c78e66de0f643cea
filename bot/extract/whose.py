"""Whose words a text speaks, where nothing in it names a platform: a small model of words learned from labelled pastes and the catalogue.

Asked last, and only about short texts: "Invalid permissions requested", "会话存档拉取不到" name nobody, and still sound like one platform.
The weights stand in `whose.json` (`make fit`): a bias for each platform, and for each word its weights, in hundredths.
"""

from __future__ import annotations

import json
import math
from functools import cache
from importlib.resources import files
from typing import Any, Final

from bot.patterns import lazy

OTHERS: Final = ""  # the class of all other systems
_RUNS: Final = lazy(r"[a-z]{3,}|[\u4e00-\u9fff]{2,}")
_READ: Final = 4_000  # characters


def words(text: str) -> set[str]:
    """The features of a text: Latin words of three letters and more, and pairs of Chinese signs. `text` is lower case."""
    found: set[str] = set()
    for run in _RUNS.findall(text[:_READ]):
        if run.isascii():
            found.add(run)
        else:
            found.update(run[at : at + 2] for at in range(len(run) - 1))
    return found


def whose(lower: str) -> tuple[str, float]:
    """The likeliest platform of a lower-case text (or `OTHERS`), and how likely it is, from 0 to 1."""
    model = _model()
    names: list[str] = model["platforms"]
    sums = [float(each) for each in model["bias"]]
    for word in words(lower):
        for index, weight in model["words"].get(word, ()):
            sums[index] += weight
    most = max(sums)
    likely = [math.exp((each - most) / 100) for each in sums]
    best = likely.index(max(likely))
    return names[best], likely[best] / sum(likely)


@cache
def _model() -> Any:
    return json.loads(files(__package__).joinpath("whose.json").read_text(encoding="utf-8"))
