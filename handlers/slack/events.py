"""What Slack sent, as values. Pure: payloads in, `Asked` or `Pressed` out; None for everything that is nobody's question."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bot.card import read_button_value
from bot.model import Person, Place
from handlers.chat import pack
from handlers.slack.markup import straight, unslack, words_of

How = Literal["message", "mention", "overheard", "command", "shortcut", "modal"]
PASTE = "paste"
_SAID_BY_PEOPLE = (None, "file_share", "thread_broadcast", "me_message")
_LINK_BUTTON = "why_open_"
_OF_A_FILE = ("id", "name", "title", "mode", "mimetype", "size")
_MOST_FILES = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody put something to the bot. `key` is the same for every delivery of the same thing.

    `ts` is the message asked about (empty for commands), `thread` where the answer goes, `in_thread` whether that thread existed before.
    `private`: only the asker shall see the answer. `alone`: the bot was named and nothing said. `below`: said in a
    thread to others, so it concerns us only where one of our cards stands above it. `response_url` answers without any membership, for half an hour.
    """

    key: str
    how: How
    tenant: str
    channel: str
    user: str
    text: str = field(metadata=pack.MASKED, repr=False)
    name: str = ""
    ts: str = ""
    thread: str = ""
    in_thread: bool = False
    files: tuple[Mapping[str, Any], ...] = ()
    im: bool = False
    private: bool = False
    edited: bool = False
    alone: bool = False
    below: bool = False
    response_url: str = field(default="", metadata=pack.SEALED, repr=False)

    @property
    def person(self) -> Person:
        return Person("slack", self.tenant, self.user, self.name)

    @property
    def place(self) -> Place:
        return Place("slack", self.tenant, self.channel, self.thread)

    @property
    def source(self) -> str:
        return self.ts

    @property
    def words(self) -> str:
        return self.text

    @property
    def under(self) -> tuple[str, ...]:
        """The thread that it is written in."""
        return (self.thread,) if self.in_thread and not self.aside else ()

    @property
    def follows(self) -> bool:
        return self.im and not self.aside

    @property
    def aside(self) -> bool:
        """Asked where only the asker sees the answer."""
        return self.how in ("command", "shortcut", "modal")

    @property
    def direct(self) -> bool:
        return self.how != "overheard"

    @property
    def lane(self) -> str:
        """Answers come in order within one of these."""
        return f"{self.channel}:{self.thread or self.key}"


@dataclass(frozen=True, slots=True)
class Pressed:
    """A click. `button` is (card id, action, index); None for a button that is not (or no longer) ours."""

    key: str
    tenant: str
    channel: str
    user: str
    name: str
    button: tuple[str, str, int] | None
    message: str = ""
    thread: str = ""
    ephemeral: bool = False
    response_url: str = field(default="", metadata=pack.SEALED, repr=False)

    @property
    def person(self) -> Person:
        return Person("slack", self.tenant, self.user, self.name)

    @property
    def place(self) -> Place:
        return Place("slack", self.tenant, self.channel, self.thread, self.message)

    @property
    def lane(self) -> str:
        return f"card:{self.button[0]}" if self.button else f"{self.channel}:{self.user}"


def tenant_of(body: Mapping[str, Any]) -> str:
    """The workspace in which the app stands."""
    seats = _list(body.get("authorizations"))
    user = body.get("user")
    candidates = (
        seats[0].get("team_id") if seats else None,
        body.get("team_id"),
        _dict(body.get("team")).get("id"),
        _dict(user).get("team_id"),
        body.get("enterprise_id"),
    )
    return next((str(one) for one in candidates if one), "")


def own_id(body: Mapping[str, Any]) -> str:
    """The bot's own user id, as far as the event tells."""
    return next((str(one["user_id"]) for one in _list(body.get("authorizations")) if one.get("is_bot") and one.get("user_id")), "")


# ---------------------------------------------------------------- events


def read_event(body: Mapping[str, Any], listening: Collection[str] = (), me: str = "") -> Asked | None:
    """A message that a person wrote to the bot, or may have written near it. `me`: the bot's user id, when the event does not tell."""
    event = _dict(body.get("event"))
    me = own_id(body) or me
    if event.get("type") not in ("message", "app_mention"):
        return None
    if event.get("subtype") == "message_changed":
        return _changed(body, event, listening, me)
    if event.get("hidden") or event.get("subtype") not in _SAID_BY_PEOPLE:
        return None
    return _message(body, event, listening, me)


def _changed(body: Mapping[str, Any], event: Mapping[str, Any], listening: Collection[str], me: str) -> Asked | None:
    now, before = _dict(event.get("message")), _dict(event.get("previous_message"))
    if now.get("subtype") not in _SAID_BY_PEOPLE or not now.get("edited") or now.get("text") == before.get("text"):
        return None  # link previews and the like change a message too
    return _message(body, now, listening, me, edited=str(_dict(now.get("edited")).get("ts") or event.get("event_ts")))


def _message(body: Mapping[str, Any], message: Mapping[str, Any], listening: Collection[str], me: str, *, edited: str = "") -> Asked | None:
    event = _dict(body.get("event"))
    user, channel, ts = str(message.get("user") or ""), str(event.get("channel") or ""), str(message.get("ts") or "")
    if not user or not channel or not ts or message.get("bot_id") or message.get("bot_profile") or user in (me, "USLACKBOT"):
        return None
    raw = words_of(message)
    im = event.get("channel_type") == "im" or channel.startswith("D")
    mentioned = event.get("type") == "app_mention" or bool(me and f"<@{me}" in raw)
    in_thread = bool(message.get("thread_ts")) and message.get("thread_ts") != ts
    listens = channel in listening or "*" in listening
    if not im and not mentioned and not listens and (not in_thread or edited):
        return None
    files = _list(message.get("files"))
    text = unslack(raw, me)
    if not text and not files and (im or not mentioned):
        return None
    tenant, thread = tenant_of(body), str(message.get("thread_ts") or ts)
    return Asked(
        key=f"slack:{tenant}:{channel}:{ts}" + (f":{edited}" if edited else ""),
        how="message" if im else "mention" if mentioned else "overheard",
        tenant=tenant,
        channel=channel,
        user=user,
        text=text,
        ts=ts,
        thread=thread,
        in_thread=thread != ts,
        files=_files(files),
        im=im,
        private=im,
        edited=bool(edited),
        below=not im and not mentioned and not listens,
        alone=not text and not files,
    )


def _files(told: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """What is needed to fetch a file. Its beginning, which Slack sends along, stays out: it would be kept with the question."""
    return tuple({name: file[name] for name in _OF_A_FILE if file.get(name)} for file in told[:_MOST_FILES])


# ---------------------------------------------------------------- commands, shortcuts, modals


def read_command(body: Mapping[str, Any]) -> Asked:
    """`/whyforbidden …`; an empty `text` asks for the modal."""
    channel, user = str(body.get("channel_id") or ""), str(body.get("user_id") or "")
    tenant = tenant_of(body)
    return Asked(
        key=f"slack:command:{tenant}:{channel}:{user}:{body.get('trigger_id')}",
        how="command",
        tenant=tenant,
        channel=channel,
        user=user,
        name=str(body.get("user_name") or ""),
        text=unslack(str(body.get("text") or "")),
        im=channel.startswith("D"),
        private=True,
        response_url=str(body.get("response_url") or ""),
    )


def read_shortcut(body: Mapping[str, Any]) -> Asked:
    """The shortcut on a message, anybody's: bots post errors too. Without a message (a global shortcut) the text is empty."""
    message, user = _dict(body.get("message")), _dict(body.get("user"))
    channel, tenant, ts = str(_dict(body.get("channel")).get("id") or ""), tenant_of(body), str(message.get("ts") or "")
    thread = str(message.get("thread_ts") or ts)
    return Asked(
        key=f"slack:shortcut:{tenant}:{user.get('id')}:{body.get('trigger_id') or body.get('action_ts')}",
        how="shortcut",
        tenant=tenant,
        channel=channel,
        user=str(user.get("id") or ""),
        name=str(user.get("username") or user.get("name") or ""),
        text=unslack(words_of(message)),
        ts=ts,
        thread=thread,
        in_thread=bool(message.get("thread_ts")) and thread != ts,
        files=_files(_list(message.get("files"))),
        im=channel.startswith("D"),
        private=True,
        response_url=str(body.get("response_url") or ""),
    )


def read_view(body: Mapping[str, Any]) -> Asked:
    """A modal that was sent off. Where it was opened travels in its `private_metadata`."""
    view, user = _dict(body.get("view")), _dict(body.get("user"))
    values = _dict(_dict(view.get("state")).get("values"))
    typed = next((str(_dict(field).get("value") or "") for block in values.values() for field in _dict(block).values()), "")
    try:
        kept = _dict(json.loads(str(view.get("private_metadata") or "{}")))
    except ValueError:
        kept = {}
    tenant, channel = tenant_of(body), str(kept.get("channel") or "")
    return Asked(
        key=f"slack:view:{tenant}:{view.get('id')}",
        how="modal",
        tenant=tenant,
        channel=channel,
        user=str(user.get("id") or ""),
        name=str(user.get("username") or user.get("name") or ""),
        text=straight(typed).strip(),  # a form's value has no entities and no markup, but maybe curly quotes
        im=channel.startswith("D"),
        private=True,
        response_url=str(kept.get("url") or ""),
    )


# ---------------------------------------------------------------- clicks


def read_action(body: Mapping[str, Any]) -> Pressed | None:
    """A click on one of our messages; None for a plain link, which needs no answer."""
    actions = _list(body.get("actions"))
    action = actions[0] if actions else {}
    button = read_button_value(action.get("value"))
    if str(action.get("action_id", "")).startswith(_LINK_BUTTON) or (button and button[1] == "open"):
        return None
    user, container, message = _dict(body.get("user")), _dict(body.get("container")), _dict(body.get("message"))
    ts = str(container.get("message_ts") or message.get("ts") or "")
    return Pressed(
        key=f"slack:click:{user.get('id')}:{body.get('trigger_id') or ''}:{action.get('action_ts') or ''}",
        tenant=tenant_of(body),
        channel=str(container.get("channel_id") or _dict(body.get("channel")).get("id") or ""),
        user=str(user.get("id") or ""),
        name=str(user.get("username") or user.get("name") or ""),
        button=button,
        message=ts,
        thread=str(container.get("thread_ts") or message.get("thread_ts") or ""),
        ephemeral=bool(container.get("is_ephemeral")),
        response_url=str(body.get("response_url") or ""),
    )


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
