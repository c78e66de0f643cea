"""What a reading is made of: a code as it stands in the text, and one error while it is being put together.

`strength` says how much a place has the form of an answer, whatever is said around it; `evidence` names that form. Neither says whether
somebody has the error now: that is judged afterwards, from the words around (`signals`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bot.model import Claims, Finding, FiredSignal, Identity, Mode
from bot.patterns import lazy

STRUCTURED: Final = 3  # a field of an answer
LABELLED: Final = 2  # "error code 230002"
PROSE: Final = 1  # a known code in a sentence
NAMED: Final = 0  # a platform is named, and somebody complains

_ALL_OF: Final = lazy(
    r"[Aa全以](?:(?<=[Aa])(?<!\w.)(?i:ll (?:of )?(?:the )?(?:following )?(?:scopes?|permissions?)\b)|(?<=全)部权限|(?<=以)下所有权限)"
)
_ANY_OF: Final = lazy(r"(?i)\b(?:one|any) of\b|任一|之一")


@dataclass(frozen=True, slots=True)
class Mention:
    """A platform code as it stands in the text; `key` is the name of its field, if it has one."""

    platform: str
    value: str
    at: int
    end: int
    strength: int
    evidence: str
    sub: bool = False
    key: str = ""


@dataclass(slots=True)
class Draft:
    """One error being put together. `places` are where its codes stand; `envelope`: the shape of an answer was recognised there.

    `evidence`: `field`, `envelope`, `vendor` (the vendor's own wording), `label`, `link`, `id`, `prose` or `named`.
    """

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
    evidence: str = "prose"
    envelope: bool = False
    chain: tuple[int, ...] = ()
    keys: set[str] = field(default_factory=set)  # of the fields that its codes stand in
    places: list[int] = field(default_factory=list)
    has_it: float = 1.0
    signals: tuple[FiredSignal, ...] = ()
    surroundings: str = ""


def finding(draft: Draft, span: tuple[int, int], text: str, count: int, claims: Claims) -> Finding:
    """The frozen value of a draft; `span` and `text` are those of the paste."""
    everything = bool(_ALL_OF.search(text) and not _ANY_OF.search(text)) if len(draft.scopes) > 1 else False
    mode = Mode.ALL if everything or (draft.platform == "slack" and len(draft.scopes) > 1) else Mode.ANY
    hints = dict(draft.hints)
    resource = hints.pop("resource", None)
    return Finding(
        platform=draft.platform, codes=tuple(draft.codes), message=draft.message, request_ids=tuple(draft.ids), scopes=tuple(draft.scopes), scopes_mode=mode,
        identity=draft.identity, app_id=draft.app, resource=resource, http_status=draft.status, hints=hints, span=span, count=count,
        has_it=draft.has_it, signals=draft.signals, claims=claims, surroundings=draft.surroundings,
    )  # fmt: skip
