"""`python -m tests.fit`: read the labelled pastes, learn, and write what the program ships."""

from __future__ import annotations

from pathlib import Path

import bot.extract
from tests.fit import signals, whose
from tests.fit.corpus import pastes

WEIGHTS = Path(bot.extract.__file__).with_name("weights.json")
WHOSE = WEIGHTS.with_name("whose.json")


def main() -> None:
    """Learn from every paste and write the files."""
    every = pastes()
    WHOSE.write_text(whose.document(whose.fit(every, [True] * len(every))), encoding="utf-8")
    learned, constant = signals.fit(every, signals.cases(every), [True] * len(every))
    WEIGHTS.write_text(signals.document(learned, constant), encoding="utf-8")


if __name__ == "__main__":
    main()
