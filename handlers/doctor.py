"""`whyforbidden doctor`: is everything connected, and if not, what to click. Looks only, unless asked to register something.

Each door adds its own checks in `handlers/<door>/doctor.py` (`async def checks(settings, http) -> list[Check]`), over plain HTTP, so that
no chat SDK is loaded.
"""

# ruff: noqa: PLC0415 - the store and the HTTP client are loaded when they are looked at
from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.i18n import same, say
from bot.model import App, Text
from bot.oauth.generic import converse
from bot.oauth.messages import PlatformRefusal, Request
from bot.ports import Http
from bot.services.app_check import looks
from handlers import team_catalog
from handlers.chat.surface import SURFACES
from handlers.settings import Settings, SettingsError, exposed, misspelt
from handlers.system import is_local

if TYPE_CHECKING:
    from handlers.store import DoorReport

SKEW_SECONDS = 60  # Slack refuses signatures older than five minutes; consent times allow one
FRESH = timedelta(seconds=60)
"""Processes that said something within this time are taken to run."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `ok` None: could not be looked at, and `says` tells why. `url` is where to click."""

    about: str
    ok: bool | None
    says: Text
    url: str = ""


async def examine(settings: Settings, http: Http, apps: Sequence[App]) -> list[Check]:
    """Every check for these settings."""
    found = [
        *_names(),
        *_files(settings),
        *_platforms(settings),
        _store(settings),
        _key(settings),
        *_public(settings),
        *_apps(settings, apps),
        await _clock(settings, http),
    ]
    for door, surface in SURFACES.items():
        if surface.configured(settings):
            found += await surface.checks(settings, http)
        else:
            found.append(Check(door, None, say("The {door} door is closed: none of its settings is there.", door=door)))
    return [*found, *await _running(settings)]


async def _running(settings: Settings) -> list[Check]:
    """What running servers say about their doors, requests that were not from the platform, and jobs that could not be done."""
    from handlers.chat.last_seen import last_seen
    from handlers.store import StoreError, open_store
    from handlers.system import SystemClock

    clock = SystemClock()
    try:
        store = open_store(settings.store_url, clock)
    except StoreError:
        return []
    found: list[Check] = []
    try:
        reports = await store.door_reports(clock.now() - FRESH)
        for door, surface in SURFACES.items():
            if not surface.configured(settings):
                continue
            found += [_door(one, clock.now()) for one in reports.get(door, ())]
            if not reports.get(door):
                found.append(Check(f"{door} door", None, say("No server that runs now has this door open: start `whyforbidden serve`.")))
            if forged := await last_seen(store, door, "forged"):
                late = forged.strftime("%Y-%m-%d %H:%M UTC")
                says = say(
                    "Requests with a wrong signature arrive, last {time} (to the hour): compare the secret with the app's page.", time=late
                )
                found.append(Check(f"{door} signatures", False if clock.now() - forged < timedelta(days=1) else None, says))
        dead = len(await store.inbox.letters()) + len(await store.outbox.letters())
        if dead:
            found.append(
                Check("dead letters", None, say("{count} jobs could not be done: `whyforbidden doctor --dead` lists them.", count=dead))
            )
    finally:
        await store.close()
    return found


def _door(report: DoorReport, now: datetime) -> Check:
    seconds = round((now - report.since).total_seconds())
    if report.state == "up":
        return Check(f"{report.door} door", True, say("A running server hears the platform, for {seconds} seconds.", seconds=seconds))
    why = report.reason or report.state
    return Check(
        f"{report.door} door",
        False,
        say("A running server does not hear the platform, for {seconds} seconds: {why}", seconds=seconds, why=why),
    )


def _names() -> list[Check]:
    return [Check("settings", False, same(sentence)) for sentence in misspelt()]


def _files(settings: Settings) -> list[Check]:
    return [Check("files", False, same(sentence)) for sentence in exposed(settings.apps_file)]


def _platforms(settings: Settings) -> list[Check]:
    """A team's own codes, and platforms of third parties: what is broken is left out, and named here."""
    if wrong := team_catalog.left_out(team_catalog.folder(settings.apps_file)):
        return [Check("catalogue", False, say("Left out: {why}", why=one)) for one in wrong]
    place = team_catalog.used()
    return [Check("catalogue", True, say("Your own codes in {folder} are used.", folder=str(place)))] if place else []


def _store(settings: Settings) -> Check:
    from handlers.store import StoreError, open_store
    from handlers.system import SystemClock

    try:
        open_store(settings.store_url, SystemClock())
    except StoreError as error:
        return Check("store", False, say("The store cannot be used: {why}", why=str(error)))
    return Check("store", True, say("The store can be read and written."))


def _key(settings: Settings) -> Check:
    if settings.secret_keys:
        return Check("key", True, say("Tokens are sealed with WHYFORBIDDEN_SECRET_KEY."))
    if settings.store_url.startswith("sqlite"):
        return Check(
            "key",
            None,
            say("Tokens are sealed with a key file beside the store; set WHYFORBIDDEN_SECRET_KEY to keep the key apart from the data."),
        )
    return Check("key", False, say("WHYFORBIDDEN_SECRET_KEY is needed with a shared store."))


def _public(settings: Settings) -> list[Check]:
    parts = urlsplit(settings.base_url)
    if is_local(parts.hostname or ""):
        return [
            Check("public URL", None, say("Consent links lead to this machine only; set WHYFORBIDDEN_PUBLIC_URL (https) for other people."))
        ]
    return [Check("public URL", parts.scheme == "https", say("Consent links lead to {url}.", url=settings.base_url))]


def _apps(settings: Settings, apps: Sequence[App]) -> list[Check]:
    if not apps:
        return [Check("apps", None, say("apps.toml lists no app: cards guide, but offer no re-authorization."))]
    checks = []
    for app in apps:
        here = app.redirect_uri.startswith(settings.base_url + "/")
        says = say(
            "{name}: redirect URI {uri}; register exactly this one in the app's console.", name=app.name or app.app_id, uri=app.redirect_uri
        )
        checks.append(Check("apps", None if here or app.mode == "handoff" else False, says))
    return checks


async def _clock(settings: Settings, http: Http) -> Check:
    """Compares with the Date header of a platform that is configured anyway."""
    url = settings.slack_api_url if settings.slack else "https://open.feishu.cn/" if settings.lark else ""
    if not url:
        return Check("clock", None, say("The clock was not compared: no chat door is open."))
    try:
        answer = await http.send(Request("GET", url))
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (PlatformRefusal, KeyError, ValueError) as error:
        return Check("clock", None, say("The clock could not be compared: {why}", why=type(error).__name__))
    off = abs((datetime.now(UTC) - theirs).total_seconds())
    return Check("clock", off <= SKEW_SECONDS, say("The clock differs from the platform's by {seconds} s.", seconds=round(off)))


async def run(settings: Settings) -> list[Check]:
    """Examine with the real HTTP client. Raises `SettingsError` for an unreadable apps file."""
    from handlers.apps import load_apps
    from handlers.http import HttpClient

    http = HttpClient(practice=settings.practice)
    try:
        return await examine(settings, http, load_apps(settings.apps_file, settings.base_url))
    except SettingsError as error:
        return [*_names(), Check("settings", False, same(str(error)))]
    finally:
        await http.close()


LOOKS_SECONDS = 15.0


async def examine_app(settings: Settings, http: Http, apps: Sequence[App], wanted: str) -> list[Check]:
    """All looks at the apps whose id or name this is, side by side, none longer than `LOOKS_SECONDS`. Raises `SettingsError` where there is none."""
    meant = [app for app in apps if wanted.casefold() in (app.app_id.casefold(), app.name.casefold())]
    if not meant:
        known = ", ".join(app.name or app.app_id for app in apps) or "none"
        raise SettingsError(f"apps.toml lists no app {wanted!r}; it has: {known}")

    async def one(app: App) -> list[Check]:
        title = app.name or app.app_id
        try:
            rows = await asyncio.wait_for(converse(http, looks(app)), LOOKS_SECONDS)
        except TimeoutError:
            return [Check(title, None, say("It could not be asked: {reason}", reason="timeout"))]
        return [Check(f"{title} · {row.about.in_(settings.locale)}", row.ok, row.text) for row in rows]

    return [check for checks in await asyncio.gather(*(one(app) for app in meant)) for check in checks]


async def run_app(settings: Settings, wanted: str) -> list[Check]:
    """The looks at one app, with the real HTTP client. Raises `SettingsError`."""
    from handlers.apps import load_apps
    from handlers.http import HttpClient

    http = HttpClient(practice=settings.practice)
    try:
        return await examine_app(settings, http, load_apps(settings.apps_file, settings.base_url), wanted)
    finally:
        await http.close()
