"""Where the code or its message points the wrong way, the remedy that was the true one stands near the top."""

from __future__ import annotations

import json
from pathlib import Path

from bot.explain import explain

SAMPLES = Path(__file__).parents[1] / "samples" / "diagnose" / "surprising.jsonl"


def test_surprising_truths() -> None:
    """Each row: one of its remedies is among the first `place` of the first diagnosis."""
    missed = []
    for line in SAMPLES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found = explain(row["text"]).diagnoses
        named = [remedy.id for remedy in found[0].remedies[: row["place"]]] if found else []
        if not set(named) & set(row["remedies"]):
            missed.append(f"{row['truth']}: wants one of {row['remedies']}, got {named}")
    assert not missed, "\n".join(missed)
