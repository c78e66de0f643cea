"""`make reading`: what the reading of strangers' pastes is worth, out of fold, by platform, with and without a code; and every change of meaning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import patch

import numpy as np

from bot.diagnose import classify
from bot.explain import explain
from bot.model import Cause
from tests.fit import messages, signals
from tests.fit.corpus import Paste, folds, pastes
from tests.reading import measure, mutations

Line = tuple[str, str, bool]  # (group, figure, right)


def main() -> None:
    """Print a figure a line."""
    every, kept = pastes(), folds()
    _show([*_spoken(every, kept), *_causes(every, kept)])
    rows = measure.errors()
    for results in (
        measure.ids(rows),
        measure.fields(rows),
        measure.unlisted(rows),
        measure.in_prose(),
        measure.forms(rows),
        measure.scopes(),
        measure.documentation(),
        measure.harmless(rows, mutations.HARMLESS),
    ):
        for kind, (good, all_of_them) in measure.share(results).items():
            print(f"{kind:34s} {good / all_of_them:.4f}  {good}/{all_of_them}", flush=True)


def _spoken(every: tuple[Paste, ...], kept: tuple[int, ...]) -> Iterator[Line]:
    """Whether somebody has it, told by weights that have not seen the paste or its kin."""
    held = signals.out_of_fold(every, signals.cases(every), kept)
    least = float(np.log(1 / (1 / _speaks_up() - 1)))
    for paste, odds in zip(every, held, strict=True):
        if paste.scored:
            for group in _groups(paste):
                yield group, "has_it", (odds > 0) == paste.is_error
                yield group, "spoken" if paste.is_error else "quiet", (odds >= least) == paste.is_error


def _causes(every: tuple[Paste, ...], kept: tuple[int, ...]) -> Iterator[Line]:
    """The cause, where no listed code decides told by a model that has not seen the paste or its kin."""
    listed = messages.messages(every)
    causes, margins = messages.out_of_fold(every, listed, kept)
    for each, cause, margin in zip(listed, causes, margins, strict=True):
        paste = every[each.paste]
        if not paste.scored or "cause" not in paste.expect:
            continue
        told: Any = (Cause(cause), messages.likelihood(margin))
        with patch.object(classify, "told", lambda _finding, told=told: told):
            answer = explain(paste.text)
        right = bool(answer.diagnoses) and answer.diagnoses[0].cause in {paste.expect["cause"], *paste.expect.get("cause_alt", ())}
        for group in (*_groups(paste), "no listed code" if each.unlisted else "a listed code"):
            yield group, "cause", right
        if answer.diagnoses and answer.diagnoses[0].confidence >= 0.8:
            yield "", "confident_right", right and answer.diagnoses[0].finding.platform == paste.expect["platform"]


def _groups(paste: Paste) -> tuple[str, ...]:
    if not paste.is_error:
        return "", "no error"
    return "", str(paste.expect["platform"]), "with a code" if paste.expect.get("codes") else "without a code"


def _speaks_up() -> float:
    return signals.signals.weights().speaks_up


def _show(lines: Iterable[Line]) -> None:
    counted: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for group, figure, right in lines:
        counted[group, figure].append(bool(right))
    for (group, figure), right in sorted(counted.items()):
        print(f"{group or 'all':16s} {figure:16s} {sum(right) / len(right):.4f}  {sum(right)}/{len(right)}", flush=True)


if __name__ == "__main__":
    main()
