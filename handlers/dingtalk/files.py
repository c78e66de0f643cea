"""Reading the text of a file that was sent to the bot."""

from __future__ import annotations

from dataclasses import dataclass

from bot.i18n import say
from bot.model import Text
from handlers.dingtalk.api import Api
from handlers.dingtalk.events import Attached

ENDINGS = (".txt", ".log", ".json", ".out", ".err", ".md", ".csv", ".xml", ".yaml", ".yml", ".har", ".ndjson", ".jsonl")


@dataclass(frozen=True, slots=True)
class FileText:
    """What a file said, or what went wrong with it."""

    text: str = ""
    trouble: Text | None = None


async def read_file(api: Api, file: Attached, robot: str, most_bytes: int) -> FileText:
    """Download and decode. `most_bytes` is the limit that the download has; here it is only said."""
    if not file.name.lower().endswith(ENDINGS):
        return FileText(trouble=say("I can read text only, and {name} is none. Paste the error as text.", name=file.name))
    raw, why = await api.download(robot, file.code)
    if why == "too_large":
        limit = f"{most_bytes / 1_000_000:g}"
        return FileText(
            trouble=say("The file {name} is larger than {limit} MB. Send the part around the error.", name=file.name, limit=limit)
        )
    wide = raw is not None and raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    if raw is None:
        return FileText(trouble=say("I could not read the file {name}. Paste its text instead.", name=file.name))
    if b"\x00" in raw[:4096] and not wide:
        return FileText(trouble=say("I can read text only, and {name} is none. Paste the error as text.", name=file.name))
    return FileText(raw.decode("utf-16" if wide else "utf-8-sig", "replace"))
