"""Composition root: the only file that picks implementations. Importing it is cheap; `build` imports what the settings ask for."""

# ruff: noqa: PLC0415 - imports stand inside functions on purpose: `whyforbidden explain` must not pay for a database or a web server
from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bot.model import App
from bot.ports import Messenger
from handlers import team_catalog
from handlers.settings import Settings, SettingsError

if TYPE_CHECKING:
    from bot.service import Service
    from handlers.chat.outbox import Outbox
    from handlers.chat.supervise import Watch
    from handlers.http import HttpClient
    from handlers.notify import Notifier
    from handlers.store import SqlStore
    from handlers.system import SystemClock, SystemRandomness, SystemWorkers
    from handlers.tokens import Broker
    from handlers.vault import FernetVault

_ROUND = 5.0  # seconds between two looks at what waits
_SWEEP = timedelta(hours=1)

log = structlog.get_logger("whyforbidden.wire")


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a running process has. A door that opens puts its messenger into `messengers` under its surface's name.

    `holder` names this process in leases; `watch` knows which of its doors hear their platform.
    """

    settings: Settings
    service: Service
    store: SqlStore
    http: HttpClient
    vault: FernetVault
    clock: SystemClock
    workers: SystemWorkers
    apps: tuple[App, ...]
    messengers: dict[str, Messenger]
    broker: Broker
    notifier: Notifier
    outbox: Outbox
    watch: Watch
    random: SystemRandomness
    holder: str

    async def keep_house(self) -> None:
        """Runs until cancelled: goes on with flows, delivers notifications, forgets what is over. Every replica may do so at once."""
        while True:
            await self.housekeeping()
            await asyncio.sleep(_ROUND)

    async def housekeeping(self) -> None:
        """One round. What fails is logged and tried again in the next."""
        for job in (self.service.resume, self.service.watch, self.notifier.deliver_due, self._sweep, self._tell_doors):
            try:
                await job()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 (the round must go on; the reason is in the log)
                log.error("housekeeping_failed", job=job.__name__, why=type(error).__name__, detail=str(error))

    async def _sweep(self) -> int:
        now = self.clock.now()
        if not await self.store.claim("sweep", now, _SWEEP.total_seconds()):
            return 0
        gone = await self.broker.sweep()
        return gone + await self.store.sweep(now, retention_days=self.settings.retention_days, audit_days=self.settings.audit_days)

    async def _tell_doors(self) -> None:
        """What the doctor and the metrics see of the doors and of what waits at them."""
        from handlers.chat.metrics import measure

        if self.watch.doors:
            await self.store.report_doors(self.watch.reports(self.holder, self.clock.now()))
            for name, box in (("inbox", self.store.inbox), ("outbox", self.store.outbox)):
                measure(name, await box.depth(), self.clock.now())

    async def close(self) -> None:
        """Give back connections and threads."""
        if self.watch.doors:
            try:
                await self.store.leave_doors(self.holder)
            except Exception as error:  # noqa: BLE001 (it stops either way; the row grows old by itself)
                log.warning("doors_not_left", why=type(error).__name__)
        self.workers.close()
        await self.http.close()
        await self.store.close()


def build(settings: Settings, *, apps: Sequence[App] | None = None) -> Runtime:
    """Put a process together. `apps` replaces apps.toml (the practice platform brings its own).

    Raises `SettingsError` with one sentence for the operator.
    """
    from bot.service import Service
    from bot.services.context import Context
    from handlers.apps import load_apps
    from handlers.chat.outbox import Outbox
    from handlers.chat.supervise import Watch
    from handlers.http import HttpClient
    from handlers.notify import Notifier
    from handlers.store import StoreError, open_store
    from handlers.system import SystemClock, SystemRandomness, SystemWorkers
    from handlers.tokens import Broker

    for fault in team_catalog.left_out(team_catalog.folder(settings.apps_file)):
        log.warning("left_out", why=fault)
    known = tuple(apps) if apps is not None else load_apps(settings.apps_file, settings.base_url)
    clock, random, workers = SystemClock(), SystemRandomness(), SystemWorkers()
    try:
        store = open_store(settings.store_url, clock)
    except StoreError as error:
        raise SettingsError(str(error)) from None
    vault = open_vault(settings)
    http = HttpClient(practice=settings.practice)
    messengers: dict[str, Messenger] = {}
    notifier = Notifier(store, http, clock, random, known)
    broker = Broker(store, http, vault, clock, random)
    context = Context(
        store=store,
        http=http,
        vault=vault,
        clock=clock,
        random=random,
        workers=workers,
        apps=known,
        messengers=messengers,
        notices=notifier,
        refresher=broker,
        public_url=settings.base_url,
        surface_apps=_own_apps(settings),
        device_flow=settings.device_flow,
        admins=frozenset(settings.admins),
        quiet=timedelta(minutes=settings.quiet_minutes),
        full_detail=settings.channel_detail == "full",
        locale=settings.locale,
    )
    service, holder = Service(context), random.token()[:16]
    outbox = Outbox(store.outbox, store, service, vault, clock, random, holder)
    return Runtime(
        settings, service, store, http, vault, clock, workers, known, messengers, broker, notifier, outbox, Watch(), random, holder
    )


def open_vault(settings: Settings) -> FernetVault:
    """The vault for these settings. Without WHYFORBIDDEN_SECRET_KEY a key file beside the SQLite store is used, and made when absent;
    a file from the time before that setting still opens, as the last key. Raises `SettingsError`."""
    from handlers.vault import FernetVault, VaultError, key_beside

    keys = settings.secret_keys
    try:
        if not settings.store_url.startswith("sqlite"):
            if not keys:
                raise VaultError("WHYFORBIDDEN_SECRET_KEY is needed with a shared store: all replicas seal and open with the same key.")
            return FernetVault(keys)
        file = Path(settings.store_url.split("///", 1)[-1].split("?", 1)[0]).expanduser().absolute()
        key_file = file.with_name(file.name + ".key")
        if keys and not key_file.exists():
            return FernetVault(keys)
        key, made = key_beside(key_file)
        if made and not settings.practice:
            log.warning("key_made", file=str(key_file), advice="back it up: kept tokens cannot be read without it")
        return FernetVault([*keys, key])
    except VaultError as error:
        raise SettingsError(str(error)) from None
    except OSError as error:
        raise SettingsError(
            f"WHYFORBIDDEN_SECRET_KEY is unset and no key file can be kept beside the store ({error.strerror}); set it."
        ) from None


async def reseal(settings: Settings) -> int:
    """Seal every kept token anew under the first key; afterwards the other keys may go. Returns how many. Raises `SettingsError`."""
    from handlers.store import StoreError, open_store
    from handlers.tokens import rotate
    from handlers.vault import VaultError

    try:
        store = await asyncio.to_thread(open_store, settings.store_url)
    except StoreError as error:
        raise SettingsError(str(error)) from None
    try:
        return await rotate(store, open_vault(settings))
    except VaultError as error:
        raise SettingsError(str(error)) from None
    finally:
        await store.close()


def _own_apps(settings: Settings) -> dict[str, str]:
    """The app by which the bot itself stands on a surface, where its messages and its consents name a person alike.

    DingTalk's do not: a message tells the user id, a token the union id.
    """
    return {"lark": settings.lark_app_id} if settings.lark_app_id else {}
