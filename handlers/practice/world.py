"""What the practice platform remembers: consoles, grants, codes, tokens. In memory, with an optional JSON snapshot.

Only the event loop of the server touches a `World`, so nothing here is locked. Times are seconds since the epoch by the given clock.
"""

from __future__ import annotations

import json
import secrets
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from bot.model import App
from bot.ports import Clock
from handlers.practice.people import STARTS, Start

Scopes = dict[str, list[str]]


@dataclass(slots=True)
class Console:
    """One application as its developer sees it: `online` works, `waiting` is submitted and not yet approved, `draft` not even submitted."""

    online: Scopes = field(default_factory=dict)
    waiting: Scopes | None = None
    draft: Scopes = field(default_factory=dict)
    version: int = 1
    applied: int = 0
    applied_for: list[str] = field(default_factory=list)
    enabled: bool = True
    may_refresh: bool = True
    redirect_uris: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=lambda: ["alice", "bob", "chenwei"])


@dataclass(slots=True)
class Code:
    """An authorization code. `family` ties it to the tokens it yields, so that a second use can revoke them."""

    app_id: str
    person: str
    scopes: list[str]
    expires: float
    family: str
    redirect_uri: str = ""
    challenge: str = ""
    method: str = ""
    used: bool = False


@dataclass(slots=True)
class Access:
    """An access token; `person` is empty for an app's own token."""

    app_id: str
    person: str
    scopes: list[str]
    expires: float
    family: str
    revoked: bool = False


@dataclass(slots=True)
class Refresh:
    """A refresh token. `ends` is when the whole chain ends, whatever is refreshed until then."""

    app_id: str
    person: str
    scopes: list[str]
    expires: float
    ends: float
    family: str
    used: bool = False
    revoked: bool = False


@dataclass(slots=True)
class DeviceGrant:
    """A device authorization under way. `polled` is when it was last asked about."""

    app_id: str
    scopes: list[str]
    user_code: str
    expires: float
    interval: float = 5.0
    polled: float = 0.0
    person: str = ""
    decision: str = ""


@dataclass(slots=True)
class Fault:
    """A trouble to inject into answers whose path starts with `path`; the kinds are in `faults.py`."""

    path: str
    kind: str
    times: int = 1
    seconds: float = 2.0


class World:
    """All of it. `apps` come from configuration and never from the snapshot."""

    def __init__(self, clock: Clock, apps: Iterable[App], snapshot: Path | None = None) -> None:
        self.clock = clock
        self.apps = {app.app_id: app for app in apps}
        self.consoles: dict[str, Console] = {}
        self.grants: dict[str, list[str]] = {}
        self.codes: dict[str, Code] = {}
        self.access: dict[str, Access] = {}
        self.refresh: dict[str, Refresh] = {}
        self.devices: dict[str, DeviceGrant] = {}
        self.faults: list[Fault] = []
        self.seen: deque[str] = deque(maxlen=50)  # what was called lately, without queries, for the practice desk
        self._windows: dict[str, deque[float]] = {}
        self._snapshot = snapshot
        self._written = ""
        if snapshot is not None and snapshot.exists():
            self._load(snapshot)
        for app in self.apps.values():
            start = STARTS.get(app.app_id, Start({}, {}))
            console = self.consoles.setdefault(app.app_id, Console(_scopes(start.online), None, _scopes(start.draft)))
            console.redirect_uris = [app.redirect_uri] if app.redirect_uri else []

    # ------------------------------------------------------------ time and chance

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now().timestamp()

    def log_id(self) -> str:
        """A request id in Feishu's form: local time in Beijing and twenty hexadecimal digits."""
        local = datetime.fromtimestamp(self.now, timezone(timedelta(hours=8)))
        return local.strftime("%Y%m%d%H%M%S") + secrets.token_hex(10).upper()

    def room(self, key: str, most: int, seconds: float) -> float:
        """Count one call; 0 while there is room, else the seconds until there is."""
        window = self._windows.setdefault(key, deque())
        while window and window[0] <= self.now - seconds:
            window.popleft()
        if len(window) >= most:
            return max(1.0, window[0] + seconds - self.now)
        window.append(self.now)
        return 0.0

    # ------------------------------------------------------------ grants, codes, tokens

    def granted(self, app_id: str, person: str) -> set[str]:
        """What this person has granted to this app so far."""
        return set(self.grants.get(f"{app_id}/{person}", ()))

    def grant(self, app_id: str, person: str, scopes: Iterable[str]) -> set[str]:
        """Add to the grants and return all of them."""
        together = self.granted(app_id, person) | set(scopes)
        self.grants[f"{app_id}/{person}"] = sorted(together)
        return together

    def withdraw(self, app_id: str, person: str) -> None:
        """The person takes the whole grant back: every token of it dies."""
        self.grants.pop(f"{app_id}/{person}", None)
        for held in self._tokens():
            if held.app_id == app_id and held.person == person:
                held.revoked = True

    def new_code(self, code: Code, prefix: str = "") -> str:
        """Put a code down and return its text."""
        text = prefix + secrets.token_urlsafe(32)
        self.codes[text] = code
        return text

    def revoke_family(self, family: str) -> None:
        """RFC 6749 §4.1.2: a code used twice takes the tokens it yielded with it."""
        for held in self._tokens():
            if held.family == family:
                held.revoked = True

    def _tokens(self) -> Iterator[Access | Refresh]:
        yield from self.access.values()
        yield from self.refresh.values()

    def issue_access(self, prefix: str, access: Access) -> str:
        """Put an access token down and return its text."""
        text = prefix + secrets.token_urlsafe(40)
        self.access[text] = access
        return text

    def issue_refresh(self, prefix: str, refresh: Refresh) -> str:
        """Put a refresh token down and return its text."""
        text = prefix + secrets.token_urlsafe(40)
        self.refresh[text] = refresh
        return text

    def live(self, token: str) -> Access | None:
        """The access token while it is good."""
        held = self.access.get(token)
        return held if held and not held.revoked and held.expires > self.now else None

    # ------------------------------------------------------------ the console

    def enabled_for(self, app_id: str, kind: str) -> set[str]:
        """Scopes that work for this token type (`user` or `tenant`): approved ones only."""
        return {name for name, kinds in self.consoles[app_id].online.items() if kind in kinds}

    def add_to_draft(self, app_id: str, scope: str, kinds: Iterable[str]) -> None:
        """The developer switches a scope on: nothing changes for users yet."""
        console = self.consoles[app_id]
        known = set(console.draft.get(scope, console.online.get(scope, [])))
        console.draft[scope] = sorted(known | set(kinds))

    def submit(self, app_id: str) -> bool:
        """The developer publishes a version; it waits for the admin. False when there is nothing new."""
        console = self.consoles[app_id]
        if not console.draft:
            return False
        console.waiting = {**(console.waiting or {}), **console.draft}
        console.draft = {}
        console.version += 1
        console.applied = 0
        console.applied_for = []
        return True

    def approve(self, app_id: str) -> bool:
        """The admin approves the waiting version: its scopes work from now on."""
        console = self.consoles[app_id]
        if console.waiting is None:
            return False
        console.online = {**console.online, **console.waiting}
        console.waiting = None
        return True

    # ------------------------------------------------------------ the snapshot

    def save(self) -> None:
        """Write the snapshot when something changed: a new file moved into place, readable by its owner alone."""
        if self._snapshot is None:
            return
        text = json.dumps(
            {name: {key: asdict(value) for key, value in table.items()} for name, table in self._tables().items()} | {"grants": self.grants}
        )
        if text == self._written:
            return
        self._snapshot.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._snapshot.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._snapshot)
        self._written = text

    def _tables(self) -> dict[str, dict[str, Any]]:
        return {"consoles": self.consoles, "codes": self.codes, "access": self.access, "refresh": self.refresh, "devices": self.devices}

    def _load(self, path: Path) -> None:
        kinds = {"consoles": Console, "codes": Code, "access": Access, "refresh": Refresh, "devices": DeviceGrant}
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            for name, table in self._tables().items():
                table.update({key: kinds[name](**value) for key, value in data[name].items()})
            self.grants.update(data["grants"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            for table in (*self._tables().values(), self.grants):  # practice only: an unreadable snapshot starts afresh
                table.clear()


def _scopes(given: Any) -> Scopes:
    return {name: list(kinds) for name, kinds in given.items()}
