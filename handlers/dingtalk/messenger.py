"""Speaking in DingTalk: replies at the session's own address while it lives, else by the robot API.

A message that stands cannot be changed; an interactive card can. So a card's new state redraws the interactive card, or is told once in a
short message below.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog

from bot.card import CardView
from bot.card.labels import Tone
from bot.model import Locale, Person, Place, Reply
from bot.ports import Card
from bot.service import Service
from bot.services.present import load_flow
from handlers.dingtalk.api import LOST, Api
from handlers.dingtalk.events import Asked
from handlers.dingtalk.layout import Body, card_values, delivery, message, news, template, with_mention

CARD = "card:"  # begins `Place.message` of an interactive card
HOOK_LIMIT, HOOK_SECONDS = 20, 60.0  # messages at one session's address
HOOK_BLOCKED = 600.0  # what DingTalk blocks a robot for that was too fast
_MARGIN = 30.0
_MOST_CHATS = 5000
_UNTOLD = frozenset({"superseded"})

log = structlog.get_logger("whyforbidden.dingtalk")


@dataclass(slots=True)
class _Hook:
    """A session's address, how often it was used within the last minute, and until when it is to be left alone."""

    url: str = field(default="", repr=False)
    until: float = 0.0
    robot: str = ""
    used: deque[float] = field(default_factory=deque)
    blocked: float = 0.0


class Messenger:
    """Everything the door says goes through here. A `Place` with a thread is a direct chat with that user.

    `template_id`: the interactive card template, empty for Markdown messages. `wall`: the time in seconds since 1970.
    """

    def __init__(self, api: Api, service: Service, template_id: str = "", wall: Callable[[], float] = time.time) -> None:
        self.api = api
        self.template_id = template_id
        self._service = service
        self._wall = wall
        self._hooks: OrderedDict[str, _Hook] = OrderedDict()

    def heard(self, asked: Asked) -> None:
        """Remember where this chat takes replies without a token."""
        hook = self._hooks.setdefault(asked.chat, _Hook())
        if asked.hook:
            hook.url, hook.until = asked.hook, asked.hook_until
        hook.robot = asked.robot or hook.robot
        self._hooks.move_to_end(asked.chat)
        if len(self._hooks) > _MOST_CHATS:
            self._hooks.popitem(last=False)

    # ------------------------------------------------------------ the port

    async def update(self, card: Card, reply: Reply) -> bool:
        """Redraw an interactive card; for a message that cannot change, tell what became of the consent, once for each state."""
        view = await self._service.view(card.id)
        if view is None:
            return False
        locale = _locale(card.locale)
        if card.place.message.startswith(CARD):
            return await self.api.redraw(card.place.message.removeprefix(CARD), card_values(reply, view, locale))
        body = news(view, locale) if await self._is_news(card, view) else None
        if body is None:
            return True
        if not await self.post(card.place, body):
            return False
        await self._service.told(card.id, _state_of(card, view))
        return True

    async def _is_news(self, card: Card, view: CardView) -> bool:
        """Whether a consent came to an end that this chat was not told yet. The steps on the way are no news."""
        state, kept = view.state, await load_flow(self._service.context, card.flow_id)
        if state is None or kept is None or state.state in _UNTOLD or card.snapshot.get("told") == _state_of(card, view):
            return False
        unprovable = state.state == "granted" and kept[0].proof is not None  # nothing more will come
        return unprovable or state.tone in (Tone.STOPPED, Tone.PROVEN)

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        """Tell one person alone."""
        return await self.aside(person.user_id, place, message(reply))

    # ------------------------------------------------------------ ways to say something

    async def post(self, place: Place, body: Body, mention: str = "") -> bool:
        """Into a chat: at the session's address, or by the API when that is over, full or refused. Waits when only the address is left."""
        hook = self._hooks.get(place.chat)
        if await self._reply(hook, body, mention):
            return True
        robot, (key, param) = hook.robot if hook else "", template(body)
        done = await self.api.write(place.thread, robot, key, param) if place.thread else await self.api.post(place.chat, robot, key, param)
        if not done and hook is not None and self._usable(hook) and (wait := self._wait(hook)) > 0:
            await asyncio.sleep(wait)
            done = await self._reply(hook, body, mention)
        if not done:
            log.warning("unanswered", direct=bool(place.thread))
        return done

    async def aside(self, user: str, place: Place, body: Body) -> bool:
        """To one person in their direct chat with the robot. False when DingTalk does not let the robot write to them."""
        if place.thread == user:
            return await self.post(place, body)
        if user.startswith("$"):
            return False  # somebody from outside: DingTalk tells no user id
        hook = self._hooks.get(place.chat)
        return await self.api.write(user, hook.robot if hook else "", *template(body))

    async def card(self, card_id: str, place: Place, reply: Reply, locale: Locale) -> bool:
        """The answer as an interactive card. False when there is no template, or DingTalk does not take it."""
        view = await self._service.view(card_id) if self.template_id else None
        if view is None:
            return False
        hook = self._hooks.get(place.chat)
        robot = (hook.robot if hook else "") or self.api.client_id
        body = delivery(self.template_id, card_id, card_values(reply, view, locale), chat=place.chat, user=place.thread, robot=robot)
        return await self.api.deliver(body)

    # ------------------------------------------------------------ the session's address

    async def _reply(self, hook: _Hook | None, body: Body, mention: str) -> bool:
        if hook is None or not self._usable(hook) or self._wait(hook) > 0:
            return False
        hook.used.append(monotonic())
        why = await self.api.reply(hook.url, with_mention(body, mention) if mention else body)
        if why == "too_fast":
            hook.blocked = monotonic() + HOOK_BLOCKED
        elif why and why != LOST:
            hook.url = ""
        return not why

    def _usable(self, hook: _Hook) -> bool:
        return bool(hook.url) and hook.until - _MARGIN > self._wall() and hook.blocked <= monotonic()

    @staticmethod
    def _wait(hook: _Hook) -> float:
        """How long until one more message may go there."""
        now = monotonic()
        while hook.used and hook.used[0] <= now - HOOK_SECONDS:
            hook.used.popleft()
        return 0.0 if len(hook.used) < HOOK_LIMIT else hook.used[0] + HOOK_SECONDS - now


def _state_of(card: Card, view: CardView) -> str:
    return f"{card.flow_id}:{view.state.state if view.state else ''}"


def _locale(value: str) -> Locale:
    return "zh" if value == "zh" else "en"
