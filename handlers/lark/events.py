"""Events of the platform as values of ours. Pure; whatever is odd in an event makes it None, never an error.

Facts: "receive message" (im v1), "card callback communication", "bot menu" of the open platform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.card import read_button_value
from bot.model import Person, Place
from handlers.chat import pack
from handlers.lark import markup
from handlers.lark.markup import File

MESSAGE = frozenset({"im.message.receive_v1", "im.message.updated_v1"})
RECALLED = "im.message.recalled_v1"
CLICK = "card.action.trigger"
MENU = "application.bot.menu_v6"


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that reached us. `version` is empty unless it was edited. Mentions still stand in `text` by their keys.

    `menu`: not a message, but an entry of the bot's menu.
    """

    message: str
    chat: str
    private: bool
    person: Person
    tenant: str
    kind: str
    text: str = field(default="", metadata=pack.MASKED, repr=False)
    files: tuple[File, ...] = ()
    forwarded: bool = False
    mentions: tuple[Any, ...] = ()
    parent: str = ""
    thread: str = ""
    root: str = ""
    version: str = ""
    direct: bool = True
    menu: bool = False

    @property
    def key(self) -> str:
        """What the message is known by, however often and under whatever event it is delivered; an edit is a new thing."""
        return f"{self.message}:{self.version}" if self.version else self.message

    @property
    def lane(self) -> str:
        """What has to stay in order: a direct chat, or one thread of a group."""
        return self.chat if self.private else f"{self.chat}:{self.thread or self.message}"

    @property
    def place(self) -> Place:
        """Where the answer stands: in the thread of the question."""
        return Place("lark", self.tenant, self.chat, self.message)

    @property
    def source(self) -> str:
        return self.message

    @property
    def edited(self) -> bool:
        return bool(self.version)

    @property
    def under(self) -> tuple[str, ...]:
        """The message that it answers, and the first one of its thread."""
        return tuple(each for each in (self.parent, self.root) if each)

    @property
    def follows(self) -> bool:
        return self.private and not self.menu

    @property
    def words(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Pressed:
    """A click on a card. `button` is None when it is none of ours. `message` is the card's message."""

    event: str
    person: Person
    tenant: str
    chat: str
    message: str
    button: tuple[str, str, int] | None

    @property
    def key(self) -> str:
        return f"click {self.event}" if self.event else ""

    @property
    def lane(self) -> str:
        return self.button[0] if self.button else self.person.user_id

    @property
    def place(self) -> Place:
        """Where it was clicked."""
        return Place("lark", self.tenant, self.chat, message=self.message)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An entry of the bot's menu."""

    event: str
    person: Person
    tenant: str
    key: str


def asked(event: Mapping[str, Any]) -> Asked | None:
    """A person's message. None for the bot's own, other bots' and unreadable ones."""
    header, inside = _part(event, "header"), _part(event, "event")
    sender, message = _part(inside, "sender"), _part(inside, "message")
    tenant = _word(header, "tenant_key")
    user = _user(_part(sender, "sender_id"))
    name, chat = _word(message, "message_id"), _word(message, "chat_id")
    if not (user and name and chat) or sender.get("sender_type", "user") != "user":
        return None
    created, updated = _word(message, "create_time"), _word(message, "update_time")
    mentions = message.get("mentions")
    kind = _word(message, "message_type")
    said = markup.parse(kind, _word(message, "content", 2_000_000))
    return Asked(
        message=name,
        chat=chat,
        private=message.get("chat_type") == "p2p",
        person=Person("lark", _word(sender, "tenant_key") or tenant, user),
        tenant=tenant,
        kind=kind,
        text=said.text,
        files=said.files,
        forwarded=said.forwarded,
        mentions=tuple(mentions) if isinstance(mentions, list) else (),
        parent=_word(message, "parent_id"),
        thread=_word(message, "root_id") or _word(message, "thread_id"),
        root=_word(message, "root_id"),
        version=updated if updated not in ("", "0", created) else "",
    )


def pressed(event: Mapping[str, Any]) -> Pressed | None:
    """A click."""
    header, inside = _part(event, "header"), _part(event, "event")
    operator, context = _part(inside, "operator"), _part(inside, "context")
    user, tenant = _user(operator), _word(header, "tenant_key") or _word(operator, "tenant_key")
    if not user:
        return None
    return Pressed(
        event=_word(header, "event_id"),
        person=Person("lark", _word(operator, "tenant_key") or tenant, user),
        tenant=tenant,
        chat=_word(context, "open_chat_id") or _word(inside, "open_chat_id"),
        message=_word(context, "open_message_id") or _word(inside, "open_message_id"),
        button=read_button_value(_part(inside, "action").get("value")),
    )


def chosen(event: Mapping[str, Any]) -> Chosen | None:
    """A choice from the bot's menu."""
    header, inside = _part(event, "header"), _part(event, "event")
    tenant, user = _word(header, "tenant_key"), _user(_part(_part(inside, "operator"), "operator_id"))
    key = _word(inside, "event_key")
    return Chosen(_word(header, "event_id"), Person("lark", tenant, user), tenant, key) if user else None


def menu(choice: Chosen, word: str) -> Asked:
    """An entry of the menu is a question that nobody wrote."""
    who = choice.person.user_id
    return Asked(f"event {choice.event}", who, True, choice.person, choice.tenant, "menu", word, menu=True)


def recalled(event: Mapping[str, Any]) -> str:
    """The id of a message that its sender took back."""
    return _word(_part(event, "event"), "message_id")


def app_of(event: Mapping[str, Any]) -> str:
    """Whose event it is."""
    return _word(_part(event, "header"), "app_id")


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _word(part: Mapping[str, Any], name: str, most: int = 200) -> str:
    value = part.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and len(value) <= most else ""


def _user(ids: Mapping[str, Any]) -> str:
    """The person's id in this app; without it the organisation's own id."""
    return _word(ids, "open_id") or _word(ids, "user_id")
