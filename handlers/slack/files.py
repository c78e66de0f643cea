"""Reading the text of attached files: snippets above all, which Slack makes of long pastes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.i18n import say
from bot.model import Text
from handlers.slack.users import Call

MOST_FILES = 3
_SECONDS = 15
_ENDINGS = (".txt", ".log", ".json", ".out", ".err", ".md", ".csv", ".xml", ".yaml", ".yml", ".html", ".har", ".ndjson", ".jsonl")
_TYPES = ("text/", "application/json", "application/xml", "application/x-ndjson", "application/x-yaml", "application/javascript")
_GONE = ("tombstone", "hidden_by_limit")


@dataclass(frozen=True, slots=True)
class FileText:
    """What a file said, and what went wrong with it; both when only its beginning could be read."""

    text: str = ""
    trouble: Text | None = None


class Files:
    """`files.info`, then the download with the bot's token. `base_url` is the Web API's address: its host may be downloaded from too."""

    def __init__(self, call: Call, token: str, base_url: str, most_bytes: int) -> None:
        self._call = call
        self._token = token
        self._own = urlsplit(base_url)
        self._most = most_bytes

    async def read(self, file: Mapping[str, Any], session: aiohttp.ClientSession | None) -> FileText:
        """The text of one file of a message."""
        answer, why = await self._call("files.info", file=str(file.get("id") or ""))
        told = answer.get("file") if answer else None
        about: Mapping[str, Any] = told if isinstance(told, dict) else file
        name = str(about.get("name") or about.get("title") or "?")[:80]
        if str(about.get("mode")) in _GONE or why in ("file_not_found", "file_deleted"):
            return FileText(trouble=say("The file {name} is gone.", name=name))
        if not is_text(about):
            return FileText(trouble=say("I can read text only, and {name} is none. Paste the error as text.", name=name))
        if int(about.get("size") or 0) > self._most:
            limit = f"{self._most / 1_000_000:g}"
            return FileText(
                trouble=say("The file {name} is larger than {limit} MB. Send the part around the error.", name=name, limit=limit)
            )
        raw = await self._download(str(about.get("url_private_download") or about.get("url_private") or ""), about, session)
        if raw is not None:
            return FileText(_decoded(raw))
        beginning = str(about.get("preview") or file.get("preview") or "")
        if beginning:
            return FileText(beginning, say("I could read only the beginning of {name}.", name=name))
        return FileText(trouble=say("I could not read the file {name}. Paste its text instead.", name=name))

    async def _download(self, url: str, about: Mapping[str, Any], session: aiohttp.ClientSession | None) -> bytes | None:
        """The bytes; None when they cannot be had. Without a right token Slack sends a login page with status 200."""
        if not self._may_have_token(url):
            return None
        own = session or aiohttp.ClientSession()
        try:
            headers, limit = {"Authorization": f"Bearer {self._token}"}, aiohttp.ClientTimeout(total=_SECONDS)
            async with own.get(url, headers=headers, allow_redirects=False, timeout=limit) as answer:
                page = answer.content_type == "text/html" and "html" not in str(about.get("mimetype"))
                if answer.status != 200 or page:
                    return None
                body = bytearray()
                async for chunk in answer.content.iter_chunked(65536):
                    body += chunk
                    if len(body) > self._most:
                        return None
                return bytes(body)
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None
        finally:
            if session is None:
                await own.close()

    def _may_have_token(self, url: str) -> bool:
        """The bot's token goes to Slack and nowhere else."""
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            ours = (parts.scheme, host, parts.port) == (self._own.scheme, self._own.hostname, self._own.port)
        except ValueError:
            return False
        return ours or (parts.scheme == "https" and (host == "slack.com" or host.endswith(".slack.com")))


def is_text(about: Mapping[str, Any]) -> bool:
    """Whether a file can be read as text, by what Slack says about it."""
    mime, name = str(about.get("mimetype") or ""), str(about.get("name") or "").lower()
    return about.get("mode") == "snippet" or mime.startswith(_TYPES) or name.endswith(_ENDINGS)


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    return raw.decode("utf-8-sig", "replace")
