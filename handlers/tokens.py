"""The broker: keeps users' tokens sealed, refreshes each once across all processes, hands them to the app they belong to, forgets them.

A refresh token works once on most platforms, so the order is: take the lease, read the row again, refresh, write the new pair with
compare-and-set, only then use it. A failed refresh never deletes before the row was read again: somebody else may have won the race.

Several people may have consented with one account; each has a row. Rows that hold the same refresh token are refreshed together, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from bot import platforms
from bot.errors import Blame, BotError
from bot.model import App, Person
from bot.oauth.generic import converse
from bot.oauth.messages import PlatformRefusal, Token
from bot.oauth.tokens import TamperedError, outlook, over, renewed, seal, unseal, usable
from bot.platforms.api import OAuth
from bot.ports import Clock, Http, Randomness, Store, StoredToken, Vault
from handlers.vault import VaultError

_LEASE = timedelta(seconds=45)  # a refresh ends within 10 s (the HTTP limit); the rest is for a slow store
_WAIT = 25.0  # how long a caller waits for another process's refresh
_PAUSE = 0.1

_BLAMED: Mapping[str, Blame] = {"unknown": "user", "over": "user", "app": "app"}

log = structlog.get_logger("whyforbidden.tokens")


class NoToken(BotError):  # noqa: N818 (an answer, not a failure)
    """There is nothing to hand out. `reason`: `unknown` (never granted, or forgotten), `over` (the person has to consent again), `later`
    (the platform did not answer; try again after `retry_after` seconds), `app` (the app's own configuration; `code` is the platform's)."""

    def __init__(self, reason: str, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(code or reason, blame=_BLAMED.get(reason, "platform"), detail="" if not code else reason)
        self.reason = reason
        self.code = code
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Handed:
    """What the owning app gets. `expires` is when the platform ends it (None: not before it is revoked)."""

    access_token: str = field(repr=False)
    expires: datetime | None
    scopes: tuple[str, ...]
    subject: str


class TokenStore(Store, Protocol):
    """The store, with what only housekeeping needs."""

    async def all_tokens(self) -> Sequence[StoredToken]: ...


class Rotating(Vault, Protocol):
    """A vault that can seal anew."""

    def again(self, sealed: str) -> str: ...


class Broker:
    """One per process."""

    def __init__(self, store: TokenStore, http: Http, vault: Vault, clock: Clock, random: Randomness) -> None:
        self._store = store
        self._http = http
        self._vault = vault
        self._clock = clock
        self._random = random
        self._running: set[asyncio.Future[StoredToken]] = set()

    async def hand_out(self, app: App, subject: str) -> Handed:
        """The access token of one user, refreshed first when it is about to end. The caller has authenticated `app`. Raises `NoToken`."""
        refused: NoToken | None = None
        for stored in await self._store.tokens_for(app.platform, app.app_id, subject):  # the newest consent first
            try:
                return await self._handed(app, stored)
            except NoToken as no:
                refused = no if refused is None or no.reason == "later" else refused
        raise refused or NoToken("unknown")

    async def freshen(self, app: App, subject: str, person: Person | None) -> bool:
        """The `Refresher` of the jobs: is this person's token of this account usable now, refreshed where that was needed?"""
        stored = await self._store.token(app.platform, app.app_id, subject, person)
        if stored is None:
            return False
        try:
            await self._handed(app, stored)
        except NoToken:
            return False
        return True

    async def _handed(self, app: App, stored: StoredToken) -> Handed:
        if not usable(stored, self._clock.now()):
            stored = await self._refreshed(app, stored)
        token = self._open(stored)
        return Handed(token.access_token, stored.expires, tuple(sorted(stored.scopes)), stored.subject)

    async def forget(self, app: App, subject: str, *, by: Person | None) -> bool | None:
        """Withdraw everybody's grant for an account at the platform and forget the tokens, whatever the platform says. True: withdrawn there
        too; False: the platform offers no way or did not answer, so a grant stands there until it ends; None: there was no token."""
        gone = [await self._forget(app, stored, by) for stored in await self._store.tokens_for(app.platform, app.app_id, subject)]
        told = [withdrawn for withdrawn in gone if withdrawn is not None]
        return all(told) if told else None

    async def _forget(self, app: App, stored: StoredToken, by: Person | None) -> bool | None:
        if not await self._store.drop_token(stored.platform, stored.app_id, stored.subject, stored.person):
            return None
        try:
            withdrawn = await self._withdraw(app, self._open(stored))
        except NoToken:  # sealed with a key that is gone: forgotten here, but nothing to withdraw it with
            withdrawn = False
        await self._audit(by, "token_forgotten", app, stored.subject, withdrawn=withdrawn)
        return withdrawn

    async def sweep(self) -> int:
        """Forget tokens that can never be used again; returns how many."""
        now, gone = self._clock.now(), 0
        for stored in await self._store.all_tokens():
            if over(stored, now) and await self._drop(stored):
                gone += 1
                await self._store.audit(now, None, "token_expired", {"platform": stored.platform, "app_id": stored.app_id})
        return gone

    # ------------------------------------------------------------ refreshing

    async def _refreshed(self, app: App, stored: StoredToken) -> StoredToken:
        """The row with a usable token: ours after a refresh, or another process's."""
        name = f"refresh|{stored.platform}|{stored.app_id}|{stored.subject}"  # of all its people: two rows may hold one refresh token
        holder = self._random.token()
        waited = 0.0
        while True:
            now = self._clock.now()
            if await self._store.lease(name, holder, now + _LEASE, now):
                break
            if waited >= _WAIT:
                raise NoToken("later", "busy", retry_after=2.0)
            await asyncio.sleep(_PAUSE)
            waited += _PAUSE
            fresh = await self._again(stored)
            if self._settled(fresh, stored):
                return fresh
        # From here on the refresh token may be used up, so a caller that hangs up must not stop us: neither from writing down
        # the new pair, nor by giving the lease back too early.
        task = asyncio.ensure_future(self._leased(app, stored, name, holder))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    def _settled(self, fresh: StoredToken, seen: StoredToken) -> bool:
        """Has somebody else done the work? A token that was just renewed counts while it lives at all: DingTalk hands the same access token
        out again until its two hours are over."""
        now = self._clock.now()
        return usable(fresh, now) or (fresh.version != seen.version and fresh.expires is not None and fresh.expires > now)

    async def _leased(self, app: App, stored: StoredToken, name: str, holder: str) -> StoredToken:
        try:
            fresh = await self._again(stored)  # somebody may have refreshed between our look and our lease
            return fresh if self._settled(fresh, stored) else await self._refresh(app, fresh)
        finally:
            now = self._clock.now()
            await self._store.lease(name, holder, now, now)

    async def _refresh(self, app: App, stored: StoredToken) -> StoredToken:
        old = self._open(stored)
        oauth = platforms.oauth(app.platform)
        if oauth is None or not old.refresh_token:
            return await self._lost(app, stored, "no_refresh_token")
        try:
            return await self._exchange(app, stored, old, oauth)
        except PlatformRefusal as refusal:
            match outlook(refusal):
                case "over":
                    return await self._lost(app, stored, refusal.code)
                case "app":
                    log.error("refresh_refused", platform=app.platform, app=app.app_id, error=refusal.code, request_id=refusal.request_id)
                    raise NoToken("app", refusal.code) from None
                case _:
                    raise NoToken("later", refusal.code, refusal.retry_after) from None

    async def _exchange(self, app: App, stored: StoredToken, old: Token, oauth: OAuth) -> StoredToken:
        try:
            new = renewed(old, await converse(self._http, oauth.refresh(app, old)))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as nonsense:
            raise PlatformRefusal("unreadable", type(nonsense).__name__) from None
        fresh = self._sealed(app, new, stored)
        while not await self._store.save_token(fresh):
            winner = await self._store.token(stored.platform, stored.app_id, stored.subject, stored.person)
            if winner is None:  # the person's wish to forget came between: then the new token goes too
                await self._withdraw(app, new)
                raise NoToken("unknown")
            if self._open(winner).refresh_token != old.refresh_token:
                return winner  # a new consent came between: that token is the better one
            fresh = replace(fresh, version=winner.version)  # only sealed anew: it still holds the token that we just used up
        await self._share(app, stored, old, new)
        return await self._again(stored)

    async def _share(self, app: App, stored: StoredToken, old: Token, new: Token) -> None:
        """Give the new pair to everybody else whose row holds the refresh token that was just used up."""
        for other in await self._store.tokens_for(stored.platform, stored.app_id, stored.subject):
            if other.person == stored.person:
                continue
            try:
                theirs = self._open(other)
            except NoToken:
                continue
            if theirs.refresh_token == old.refresh_token:
                await self._store.save_token(self._sealed(app, renewed(theirs, new), other))

    def _sealed(self, app: App, token: Token, row: StoredToken) -> StoredToken:
        """A row with another token in it."""
        return seal(
            self._vault, app, token, subject=row.subject, now=self._clock.now(), person=row.person, granted=row.granted, version=row.version
        )

    async def _lost(self, app: App, stored: StoredToken, code: str) -> StoredToken:
        """The platform says that the grant is over. Read once more before believing it."""
        latest = await self._again(stored)
        if latest.version != stored.version and usable(latest, self._clock.now()):
            return latest
        if await self._drop(stored):
            log.info("grant_over", platform=app.platform, app=app.app_id, error=code)
            await self._audit(None, "token_lost", app, stored.subject, reason=code)
        raise NoToken("over", code)

    async def _again(self, stored: StoredToken) -> StoredToken:
        latest = await self._store.token(stored.platform, stored.app_id, stored.subject, stored.person)
        if latest is None:
            raise NoToken("unknown")
        return latest

    async def _drop(self, stored: StoredToken) -> bool:
        """Forget a row unless somebody wrote it since it was read."""
        return await self._store.drop_token(stored.platform, stored.app_id, stored.subject, stored.person, stored.version)

    # ------------------------------------------------------------ small parts

    def _open(self, stored: StoredToken) -> Token:
        try:
            return unseal(self._vault, stored)
        except (VaultError, TamperedError) as error:
            log.error("token_unreadable", platform=stored.platform, app=stored.app_id, why=str(error))
            raise NoToken("over", "unreadable") from None

    async def _withdraw(self, app: App, token: Token) -> bool:
        oauth = platforms.oauth(app.platform)
        if oauth is None:
            return False
        try:
            return await converse(self._http, oauth.revoke(app, token))
        except PlatformRefusal as refusal:
            log.warning("revoke_refused", platform=app.platform, app=app.app_id, error=refusal.code)
            return outlook(refusal) == "over"
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            return False

    async def _audit(self, actor: Person | None, action: str, app: App, subject: str, **detail: Any) -> None:
        await self._store.audit(
            self._clock.now(), actor, action, {"platform": app.platform, "app_id": app.app_id, "subject": subject, **detail}
        )


async def rotate(store: TokenStore, vault: Rotating) -> int:
    """Seal every token anew under the first key, so that an old key can be taken out of WHYFORBIDDEN_SECRET_KEY. Returns how many.

    A token that changes meanwhile was sealed with the first key by whoever changed it, so a lost race is fine.
    """
    done = 0
    for stored in await store.all_tokens():
        done += await store.save_token(replace(stored, sealed=vault.again(stored.sealed)))
    return done
