"""`python -m tests.fit`: read the labelled pastes, learn, and write what the program ships; prints the out-of-fold figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import bot.diagnose
import bot.extract
from tests.fit import messages, remedies, signals, whose
from tests.fit.corpus import folds, pastes

WEIGHTS = Path(bot.extract.__file__).with_name("weights.json")
MESSAGES = Path(bot.diagnose.__file__).with_name("messages.bin")
QUIET = 0.97  # of the texts without an error, how many must stay unanswered where nobody asked, before the doubts about the cause count


def main() -> None:
    """Learn from every paste and write the files."""
    every, kept = pastes(), folds()
    WEIGHTS.with_name("whose.json").write_text(whose.document(whose.fit(every, [True] * len(every))), encoding="utf-8")
    listed = signals.cases(every)
    held = signals.out_of_fold(every, listed, kept)
    scored = np.array([paste.scored for paste in every])
    errors = np.array([paste.is_error for paste in every])
    quiet = np.sort(held[scored & ~errors])
    least = float(quiet[int(np.ceil(QUIET * len(quiet))) - 1]) + 0.01
    learned = signals.fit(every, listed, kept)
    speaks_up = round(1 / (1 + float(np.exp(-least))), 3)
    WEIGHTS.write_text(signals.document(learned.weights, learned.constant, speaks_up), encoding="utf-8")
    WEIGHTS.with_name("voice.bin").write_bytes(signals.voice_file(learned))
    told = messages.messages(every)
    MESSAGES.write_bytes(messages.file(messages.fit(every, told, kept)))
    print(f"out of fold: has_it {((held > 0) == errors)[scored].mean():.4f}")
    print(f"             errors {(held > 0)[scored & errors].mean():.4f}  other texts {(held <= 0)[scored & ~errors].mean():.4f}")
    print(
        f"             spoken {(held > least)[scored & errors].mean():.4f}  quiet {(held <= least)[scored & ~errors].mean():.4f}  from {speaks_up}"
    )
    remedies.WEIGHTS.write_text(remedies.learn(), encoding="utf-8")
    for kind, (first, third) in remedies.figures().items():
        print(f"remedies, {kind}: first {first:.4f}  among three {third:.4f}")


if __name__ == "__main__":
    main()
