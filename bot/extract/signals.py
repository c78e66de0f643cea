"""Whether somebody has an error now, or writes about errors."""

from __future__ import annotations

from bot.extract.context import Context
from bot.extract.draft import NAMED, PROSE, STRUCTURED, Draft
from bot.extract.vocabulary import REPORT
from bot.model import FiredSignal


def judge(context: Context, draft: Draft) -> tuple[float, tuple[FiredSignal, ...]]:
    """How likely it is that somebody has the error of `draft` now (0..1), and what spoke for and against it."""
    doubt = context.doubt
    places = draft.places or [draft.start]
    vetoed = doubt.fixture or all(doubt.source(at) for at in places)
    if draft.strength < STRUCTURED:
        vetoed = vetoed or doubt.talk or doubt.listing or all(doubt.enumerated(at, at + 8) for at in places)
    told = draft.strength > PROSE or REPORT.search(context.text) is not None
    return (0.2 if vetoed or draft.strength == NAMED or not told else 0.9), ()
