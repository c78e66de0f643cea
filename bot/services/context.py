"""What every job is given: the ports, the configured apps and a few facts about this installation. No state of its own."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from bot import platforms
from bot.model import App, Locale, Person, Text
from bot.oauth import tokens
from bot.oauth.generic import converse
from bot.oauth.messages import PlatformRefusal, T, Talk, Token
from bot.platforms.api import OAuth
from bot.ports import Http, Messenger, Randomness, Store, StoredToken, Timer, Vault, Workers


class Notices(Protocol):
    """The way out to the apps: keeps a notification until it is delivered, signed, and retried. It never carries a token."""

    async def notify(self, app: App, key: str, body: Mapping[str, Any]) -> None:
        """Keep `body` for delivery to `app.notify_url`. The same `key` again changes nothing."""
        ...


class Refresher(Protocol):
    """Makes kept tokens usable again (refresh tokens are single use, so only one room may do that)."""

    async def freshen(self, app: App, subject: str, person: Person | None) -> bool:
        """True when this person's token of this account is usable now."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """Everything the jobs need from outside. `surface_apps` names the app by which the bot itself stands on a surface, where that is a
    platform's app too: there a person's id and an account's id are the same. `messengers` may be filled while doors open. `admins` are
    written `surface:tenant:user`. `quiet`: for how long one card answers the same need in a chat. `full_detail`: channels see all."""

    store: Store
    http: Http
    vault: Vault
    clock: Timer
    random: Randomness
    workers: Workers
    apps: tuple[App, ...] = ()
    messengers: Mapping[str, Messenger] = field(default_factory=dict)
    notices: Notices | None = None
    refresher: Refresher | None = None
    public_url: str = "http://127.0.0.1:8080"
    surface_apps: Mapping[str, str] = field(default_factory=dict)
    device_flow: bool = False
    admins: frozenset[str] = frozenset()
    quiet: timedelta = timedelta(hours=1)
    full_detail: bool = False
    locale: Locale = "en"

    def now(self) -> datetime:
        """The time (UTC)."""
        return self.clock.now()

    def app(self, platform: str, app_id: str) -> App | None:
        """The configured app, or None: an app that is not listed gets guidance, never a consent."""
        return next((app for app in self.apps if app.platform == platform and app.app_id == app_id), None)

    async def ask(self, talk: Talk[T]) -> T:
        """Hold a conversation with a platform. Raises `PlatformRefusal` and nothing else, whatever nonsense the platform answers."""
        try:
            return await converse(self.http, talk)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as nonsense:
            raise PlatformRefusal("unreadable", type(nonsense).__name__, blame="platform") from nonsense

    def unsealed(self, sealed: str) -> str:
        """What was sealed in a consent. Raises `PlatformRefusal` when no key opens it any more: the person has to start again."""
        try:
            return self.vault.open(sealed)
        except Exception as closed:  # noqa: BLE001 (each vault has its own error; whatever it is, the text is lost)
            raise PlatformRefusal("unreadable", type(closed).__name__, blame="code") from None

    def token(self, row: StoredToken) -> Token | None:
        """The token of a row; None when no key opens it any more, or it was sealed for another row."""
        try:
            return tokens.unseal(self.vault, row)
        except Exception:  # noqa: BLE001 (as above)
            return None

    async def audit(self, actor: Person | None, action: str, **detail: Any) -> None:
        """Who did what to what, when. Never a token, code, link or paste."""
        await self.store.audit(self.now(), actor, action, detail)


def oauth_of(platform: str) -> OAuth:
    """How consents are asked for on a platform of a configured app. Raises `PlatformRefusal` when it is not there any more."""
    found = platforms.oauth(platform)
    if found is None:
        raise PlatformRefusal("no_authorization", platform, blame="app")
    return found


def digest(secret: str) -> str:
    """How a one-time value is kept: its SHA-256, enough because the value has 256 random bits."""
    return sha256(secret.encode()).hexdigest()


def matches(secret: str, kept: str) -> bool:
    """Does a secret belong to a kept hash? In constant time; an empty hash belongs to nothing."""
    return bool(kept) and hmac.compare_digest(digest(secret), kept)


def platform_title(app: App) -> Text:
    """The platform as people call it; Feishu and Lark are one platform under two brands."""
    return platforms.title(app.platform, app.brand)
