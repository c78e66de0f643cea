"""Before any test: compile the message catalogues, so that the tests see both languages as an installed copy would."""

from __future__ import annotations

from pathlib import Path

from hatch_build import compile_messages

compile_messages(Path(__file__).parent.parent)
