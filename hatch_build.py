"""Compiles the message catalogues (`*.po` → `*.mo`): a build hook for hatchling, and `python hatch_build.py` for a working copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCALES = Path("templates", "locale")


def compile_messages(root: Path) -> list[Path]:
    """Compile what is newer than its result; returns the compiled files. A broken catalogue raises with its file name."""
    written = []
    for source in sorted((root / LOCALES).glob("*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns > source.stat().st_mtime_ns:
            continue
        with source.open("rb") as stream:
            try:
                messages = read_po(stream, locale=source.parent.parent.name, abort_invalid=True)
            except PoFileError as error:
                raise ValueError(f"{source}: {error}") from error
        unfinished = target.with_suffix(".mo.part")
        with unfinished.open("wb") as out:
            write_mo(out, messages)
        unfinished.replace(target)
        written.append(target)
    return written


class CompileMessages(BuildHookInterface[Any]):
    """Runs for the wheel, the source archive and an editable install alike."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (hatchling's signature)
        """Compile before the files are gathered; `artifacts` lets the ignored `.mo` files into the wheel."""
        compile_messages(Path(self.root))
        build_data["artifacts"].append(f"/{LOCALES.as_posix()}/**/*.mo")


if __name__ == "__main__":
    for path in compile_messages(Path(__file__).parent):
        print(path)
