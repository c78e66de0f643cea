"""One error while it is being put together, and the frozen finding it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from bot.model import Finding, Identity, Mode

_ALL_OF: Final = re.compile(
    r"[Aa全以](?:(?<=[Aa])(?<!\w.)(?i:ll (?:of )?(?:the )?(?:following )?(?:scopes?|permissions?)\b)|(?<=全)部权限|(?<=以)下所有权限)"
)
_ANY_OF: Final = re.compile(r"(?i)\b(?:one|any) of\b|任一|之一")


@dataclass(slots=True)
class Draft:
    """One error being put together."""

    platform: str
    codes: list[str] = field(default_factory=list)
    subs: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    message: str = ""
    app: str | None = None
    status: int | None = None
    identity: Identity = Identity.UNKNOWN
    hints: dict[str, str] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    strength: int = 0
    chain: tuple[int, ...] = ()
    keys: set[str] = field(default_factory=set)  # of the fields that its codes stand in


def finding(draft: Draft, span: tuple[int, int], text: str, count: int) -> Finding:
    """The frozen value of a draft; `span` and `text` are those of the paste."""
    everything = bool(_ALL_OF.search(text) and not _ANY_OF.search(text)) if len(draft.scopes) > 1 else False
    mode = Mode.ALL if everything or (draft.platform == "slack" and len(draft.scopes) > 1) else Mode.ANY
    hints = dict(draft.hints)
    resource = hints.pop("resource", None)
    return Finding(
        platform=draft.platform, codes=tuple(draft.codes), message=draft.message, request_ids=tuple(draft.ids), scopes=tuple(draft.scopes), scopes_mode=mode,
        identity=draft.identity, app_id=draft.app, resource=resource, http_status=draft.status, hints=hints, span=span, count=count,
    )  # fmt: skip
