"""How long the tests are that kill processes: a sample of the deaths in the suite, every death with `make chaos`."""

from __future__ import annotations

import os

LONG = os.environ.get("CHAOS") == "1"


def every(sample: int) -> int:
    """The step from one death to the next: 1 with `make chaos`, else `sample`."""
    return 1 if LONG else sample
