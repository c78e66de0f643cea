"""What DingTalk sent, as values. Pure: payloads in, `Asked` or `Pressed` out; None for everything that is nobody's question.

Fields as in the open platform's pages "robots receive messages" and "event callback of cards".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.model import Person, Place
from handlers.chat import pack

GROUP = "2"
_MENTIONS = re.compile(r"^(?:@\S{1,60}\s+)+")
_UNREADABLE = frozenset({"picture", "audio", "video"})
_BUTTON = re.compile(r"([a-z_]{1,40}?)(?:_([0-9]{1,2}))?")
_GROUP_SPACE = re.compile(r"IM_GROUP\.(.+)$")


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came as a message of its own."""

    name: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """A message to the bot. `key` is the same for every delivery of it.

    `reachable`: `user` is the organisation's user id, so that the bot may write to this person directly (people from outside have none).
    `hook` is where DingTalk takes the reply without a token, until `hook_until` (seconds since 1970). `strange`: it holds no text at all,
    only a picture, a recording, a card.
    """

    key: str
    tenant: str
    chat: str
    private: bool
    user: str
    reachable: bool
    name: str
    text: str = field(metadata=pack.MASKED, repr=False)
    robot: str
    file: Attached | None = None
    strange: bool = False
    hook: str = field(default="", metadata=pack.SEALED, repr=False)
    hook_until: float = 0.0

    direct = True  # every message to the robot
    edited = False  # DingTalk tells nothing of edits
    source = ""

    @property
    def lane(self) -> str:
        return self.chat

    @property
    def person(self) -> Person:
        return Person("dingtalk", self.tenant, self.user, self.name)

    @property
    def place(self) -> Place:
        """The chat; in a direct one, `thread` is the person, by whom the API reaches it."""
        return Place("dingtalk", self.tenant, self.chat, self.user if self.private else "")

    @property
    def words(self) -> str:
        return self.text

    @property
    def under(self) -> tuple[str, ...]:
        return ()

    @property
    def follows(self) -> bool:
        """Every message to the robot may be about its author's newest card: DingTalk tells no threads."""
        return self.file is None

    @property
    def mention(self) -> str:
        """Who is named in an answer for everybody."""
        return self.user if self.reachable and not self.private else ""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A click on an interactive card. The card's `outTrackId` is our card id, a button's id its action."""

    key: str
    tenant: str
    chat: str
    user: str
    card: str
    action: str
    index: int
    name: str = ""

    @property
    def lane(self) -> str:
        return self.card

    @property
    def person(self) -> Person:
        return Person("dingtalk", self.tenant, self.user, self.name)

    @property
    def place(self) -> Place:
        return Place("dingtalk", self.tenant, self.chat, message=f"card:{self.card}")

    @property
    def button(self) -> tuple[str, str, int] | None:
        return self.card, self.action, self.index


def read_message(data: Mapping[str, Any]) -> Asked | None:
    """The payload of `/v1.0/im/bot/messages/get`. None when nobody is to be answered: no ids, or the bot itself."""
    key, chat, sender = _text(data, "msgId"), _text(data, "conversationId"), _text(data, "senderId")
    staff = _text(data, "senderStaffId")
    if not key or not chat or not (staff or sender) or (sender and sender == _text(data, "chatbotUserId")):
        return None
    private = _text(data, "conversationType") != GROUP
    kind, content = _text(data, "msgtype"), _mapping(data.get("content"))
    text, file = "", None
    if kind == "text":
        text = _text(_mapping(data.get("text")), "content")
    elif kind == "richText":
        text = _rich(content.get("richText"))
    elif kind == "file":
        file = Attached(_text(content, "fileName")[:200] or "?", _text(content, "downloadCode"))
    text = text.replace("\u2005", " ").replace("\xa0", " ").strip()
    if not private:
        text = _MENTIONS.sub("", text + " ").strip()
    pictures = kind == "richText" and not text and bool(content.get("richText"))
    return Asked(
        key=f"dingtalk:{key}",
        tenant=_text(data, "chatbotCorpId") or _text(data, "senderCorpId"),
        chat=chat,
        private=private,
        user=staff or sender,
        reachable=bool(staff),
        name=_text(data, "senderNick")[:80],
        text=text,
        robot=_text(data, "robotCode"),
        file=file,
        strange=pictures or kind in _UNREADABLE or kind not in ("text", "richText", "file"),
        hook=_text(data, "sessionWebhook"),
        hook_until=_number(data.get("sessionWebhookExpiredTime")) / 1000,
    )


def read_click(data: Mapping[str, Any], message_id: str = "") -> Pressed | None:
    """The payload of `/v1.0/card/instances/callback`. `content` comes as JSON text. None when it names no card or no person."""
    card, user = _text(data, "outTrackId"), _text(data, "userId")
    if not card or not user:
        return None
    private = _mapping(_object(data.get("content")).get("cardPrivateData"))
    ids, params = private.get("actionIds"), _mapping(private.get("params"))
    pressed = str(ids[0]) if isinstance(ids, Sequence) and not isinstance(ids, str) and ids else ""
    named = _BUTTON.fullmatch(_text(params, "action") or pressed)
    action, number = (named.group(1), named.group(2)) if named else ("", None)
    index = int(number) - 1 if number else int(_number(params.get("index")))
    found = _GROUP_SPACE.search(_text(data, "spaceId"))
    chat = found.group(1) if found else _text(data, "spaceId")
    tenant = _text(data, "corpId")
    return Pressed(f"dingtalk:click:{message_id}" if message_id else "", tenant, chat, user, card, action, max(0, min(index, 999)))


def _rich(parts: Any) -> str:
    """The text of a rich message: its runs follow each other; a picture between them is a line break."""
    runs = [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    return "".join(part["text"] if isinstance(part.get("text"), str) else "\n" for part in runs)


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _object(value: Any) -> Mapping[str, Any]:
    """An object, or the same as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return _mapping(value)
