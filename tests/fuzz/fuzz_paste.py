"""Fuzz target: redact → extract on arbitrary bytes. Run alone: `python -m tests.fuzz.fuzz_paste -runs=20000`."""

from __future__ import annotations

import sys

from bot.catalog import catalog
from bot.extract import extract
from bot.redact import redact


def check(data: bytes) -> None:
    """What must hold for any text: nothing raised, masking settled, spans in range, every finding names a platform."""
    text = data.decode("utf-8", "surrogateescape")
    masked = redact(text).text
    assert redact(masked).text == masked, "masking twice changed something"
    for found in extract(masked, catalog()):
        assert found.platform
        assert 0 <= found.span[0] <= found.span[1] <= len(masked), "span out of range"


def main() -> None:
    """Hand the target to atheris, instrumented."""
    import atheris  # optional: only this program needs it

    atheris.instrument_all()
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
