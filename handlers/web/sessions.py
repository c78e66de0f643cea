"""Who sits at the chat page.

A browser holds a random cookie; the store holds its hash and the visitor's id. The id names somebody (on cards, in flows, in the audit) and
opens nothing; the cookie opens and names nobody. A cookie that we did not issue is nobody's, so that none can be planted. It is rotated
every day, when the visitor takes another role and when a consent comes back; the one before it is believed for a minute more, because
pages of the same browser may be under way with it. A session ends a week after its last use, and after a month in any case;
one that was never used again (a robot's) after a day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from fastapi.responses import Response
from starlette.requests import Request

from bot.i18n import say
from bot.model import Locale, Person, Place
from bot.ports import Clock, Randomness
from handlers.practice.people import PracticePerson
from handlers.store.sessions import Sessions, WebSession
from handlers.web.names import codename
from handlers.web.pages import SESSION_COOKIE, set_cookie

UNUSED, IDLE, LONGEST = timedelta(days=1), timedelta(days=7), timedelta(days=30)
TURN, GRACE = timedelta(days=1), timedelta(minutes=1)
NOTED = timedelta(hours=1)  # a use is written down when it moves the end by this much


@dataclass(frozen=True, slots=True)
class Visitor:
    """A session, as the rest of the program knows people and places. `cookie` is a new value that the answer has to set, or empty.

    Each visitor is a tenant: what one pasted is never found by another.
    """

    session: WebSession
    person: Person
    place: Place
    cookie: str = ""


class Visitors:
    """Finds, begins and rotates sessions."""

    def __init__(self, store: Sessions, clock: Clock, random: Randomness, people: tuple[PracticePerson, ...] = ()) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._people = people

    async def of(self, request: Request, locale: Locale) -> Visitor | None:
        """The visitor of a request; None when its cookie is missing, over, or not of our making."""
        cookie = request.cookies.get(SESSION_COOKIE, "")
        now = self._clock.now()
        session = await self._store.session(digest(cookie), now) if cookie else None
        if session is None:
            return None
        if (ends := _end(session.created, now)) - session.ends >= NOTED:
            await self._store.save_session(replace(session, ends=ends), session.secret)
        return self._visitor(session, locale)

    async def begin(self, locale: Locale) -> Visitor:
        """A browser that has not been here before."""
        now, cookie = self._clock.now(), self._random.token()
        role = self._people[0].key if self._people else ""
        session = WebSession(self._random.token()[:22], digest(cookie), now, now, now + UNUSED, role)
        await self._store.put_session(session)
        return replace(self._visitor(session, locale), cookie=cookie)

    async def turn(self, visitor: Visitor, locale: Locale, *, role: str | None = None) -> Visitor:
        """The same visitor with a new cookie, and perhaps another role."""
        now, cookie, old = self._clock.now(), self._random.token(), visitor.session
        new = replace(
            old,
            secret=digest(cookie),
            former=old.secret,
            former_ends=now + GRACE,
            turned=now,
            ends=_end(old.created, now),
            role=old.role if role is None else role,
        )
        if await self._store.save_session(new, old.secret):
            return replace(self._visitor(new, locale), cookie=cookie)
        return visitor  # another request of this browser rotated it a moment ago

    async def fresh(self, visitor: Visitor, locale: Locale) -> Visitor:
        """Rotated when that is due."""
        return await self.turn(visitor, locale) if self._clock.now() - visitor.session.turned >= TURN else visitor

    def _visitor(self, session: WebSession, locale: Locale) -> Visitor:
        played = next((one for one in self._people if one.key == session.role), None)
        name = played.name.in_(locale) if played else say("Visitor {name}", name=codename(session.person)).in_(locale)
        user = f"{session.person}.{session.role}" if played else session.person
        return Visitor(session, Person("web", session.person, user, name), Place("web", session.person, user))


def digest(cookie: str) -> str:
    """What is kept of a cookie."""
    return sha256(cookie.encode("utf-8", "surrogatepass")).hexdigest()


def remember(response: Response, visitor: Visitor) -> None:
    """Send the new cookie, where there is one."""
    if visitor.cookie:
        set_cookie(response, SESSION_COOKIE, visitor.cookie, int(LONGEST.total_seconds()))


def _end(created: datetime, used: datetime) -> datetime:
    return min(used + IDLE, created + LONGEST)
