"""The cause that a message tells where no listed code does: a small linear model over pieces of words, learned from the catalogue's texts
and labelled pastes (`make fit`). Its file is read when the first such message comes."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import Final

from bot.extract.grams import Model, loaded
from bot.model import Cause, Finding

_MESSAGE: Final = 350  # characters
_AROUND: Final = 150
SHARPNESS: Final = 4.0  # of the margins, so that the probabilities are honest: fitted on held folds


def spoken(finding: Finding) -> str:
    """What the model reads of a finding: message, words of the codes, HTTP status, and a little of what stands around."""
    status = f" http {finding.http_status}" if finding.http_status else ""
    message = finding.message[:_MESSAGE]
    around = finding.surroundings
    at = max(0, around.find(message[:24])) if message else min(len(around), 2_000) // 2
    near = around[max(0, at - _AROUND) : at] + " " + around[at + len(message) : at + len(message) + _AROUND]
    return f"{message} {' '.join(finding.codes)}{status} {near}"


def told(finding: Finding) -> tuple[Cause, float]:
    """The likeliest cause of a message, and how likely it is (0..1)."""
    scores = {name: SHARPNESS * score for name, score in _model().scores(spoken(finding)).items()}
    best = max(scores, key=lambda name: scores[name])
    return Cause(best), 1 / sum(math.exp(score - scores[best]) for score in scores.values())


@cache
def _model() -> Model:
    return loaded(files("bot.diagnose").joinpath("messages.bin").read_bytes(), "bot/diagnose/messages.bin")
