"""`python -m tests.fit`: read the labelled pastes, learn, and write what the program ships."""

from __future__ import annotations

from pathlib import Path

import bot.extract
from tests.fit import remedies, signals
from tests.fit.corpus import pastes

WEIGHTS = Path(bot.extract.__file__).with_name("weights.json")


def main() -> None:
    """Learn from every paste and write the files."""
    every = pastes()
    learned, constant = signals.fit(every, signals.cases(every), [True] * len(every))
    WEIGHTS.write_text(signals.document(learned, constant), encoding="utf-8")
    remedies.WEIGHTS.write_text(remedies.learn(), encoding="utf-8")


if __name__ == "__main__":
    main()
