"""apps.toml: the applications whose users may be sent to re-authorize. An app that is not listed gets guidance, never a button.

[[apps]]
platform = "lark"
app_id = "cli_a1b2c3d4e5f6g7h8"
name = "Weekly report"
brand = "feishu"
secret = "env:WEEKLY_SECRET"             # or the secret itself, then keep the file private
app_key = "env:WEEKLY_APP_KEY"           # the app fetches tokens and checks notifications with it
notify_url = "https://weekly.example.com/hooks/consent"
owners = ["slack:T012AB3CD:U012AB3CD"]
never_ask = ["contact:contact"]
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bot.model import App
from bot.platforms import oauth, packages
from handlers.settings import SettingsError
from handlers.system import is_local

KEY_LENGTH = 24


def _web(value: str) -> str:
    parts = urlsplit(value)
    if not value:
        return value
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("write a whole address such as https://app.example.com/path")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise ValueError("http is only for this machine; use https")
    return value


Web = Annotated[str, AfterValidator(_web)]
Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    platform: str
    app_id: Id
    name: str = Field("", max_length=80)
    brand: Literal["", "feishu", "lark", "shop", "general"] = ""
    secret: str = ""
    redirect_uri: Web = ""
    mode: Literal["broker", "handoff"] = "broker"
    owners: tuple[str, ...] = ()
    never_ask: frozenset[str] = frozenset()
    hosts: dict[str, Web] = {}
    notify_url: Web = ""
    entry_url: Web = ""
    app_key: str = ""

    @field_validator("secret", "app_key")
    @classmethod
    def _from_environment(cls, value: str) -> str:
        if not value.startswith("env:"):
            return value
        name = value.removeprefix("env:").strip()
        if not os.environ.get(name):
            raise ValueError(f"the environment variable {name} is not set")
        return os.environ[name]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.platform not in packages():
            raise ValueError(f"platform {self.platform!r} is unknown; known are {', '.join(sorted(packages()))}")
        if self.mode == "broker" and not self.secret:
            raise ValueError("mode broker needs `secret`")
        if self.mode == "handoff" and not (self.entry_url and self.app_key):
            raise ValueError("mode handoff needs `entry_url` and `app_key`")
        if self.mode == "broker" and oauth(self.platform) is None:
            raise ValueError(f"platform {self.platform!r} offers no user authorization")
        if self.notify_url and not self.app_key:
            raise ValueError("`notify_url` needs `app_key`, which signs the notifications")
        if self.app_key and len(self.app_key) < KEY_LENGTH:
            raise ValueError(f"`app_key` needs at least {KEY_LENGTH} random characters")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    apps: tuple[_Entry, ...] = ()


def load_apps(path: Path | None, base_url: str) -> tuple[App, ...]:
    """The apps of a file; `None` means apps.toml of the working directory, which may be absent. Raises `SettingsError` of one line.

    An entry without `redirect_uri` gets our own callback under `base_url`.
    """
    file = path or Path("apps.toml")
    if path is None and not file.is_file():
        return ()
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"WHYFORBIDDEN_APPS_FILE: {file} cannot be read: {why}") from None
    return parse_apps(text, base_url, str(file))


def parse_apps(text: str, base_url: str, name: str = "apps.toml") -> tuple[App, ...]:
    """The apps written in `text`. Raises `SettingsError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} is not valid TOML: {error}") from None
    try:
        entries = _File.model_validate(data).apps
    except ValidationError as error:
        raise SettingsError(f"{name}, {_first(error, data)}") from None
    seen: set[tuple[str, str]] = set()
    keys: set[str] = set()
    for entry in entries:
        key = (entry.platform, entry.app_id)
        if key in seen:
            raise SettingsError(f"{name}: the {entry.platform} app {entry.app_id} is listed twice")
        seen.add(key)
        if entry.app_key and entry.app_key in keys:
            raise SettingsError(f"{name}: the {entry.platform} app {entry.app_id} has the `app_key` of another app; a key names one app")
        keys.add(entry.app_key)
    return tuple(_app(entry, base_url) for entry in entries)


def _app(entry: _Entry, base_url: str) -> App:
    values = entry.model_dump()
    values["name"] = entry.name or entry.app_id
    values["redirect_uri"] = entry.redirect_uri or f"{base_url}/consent/callback/{entry.platform}/{entry.app_id}"
    return App(**values)


def _first(error: ValidationError, data: Mapping[str, object]) -> str:
    """The first thing that is wrong, and in which entry. Never the value: it may be a secret."""
    wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = list(wrong["loc"])
    where = ""
    if len(place) > 1 and place[0] == "apps" and isinstance(place[1], int):
        entries = data.get("apps")
        entry = entries[place[1]] if isinstance(entries, list) else None
        app_id = entry.get("app_id") if isinstance(entry, dict) else None
        where = f"app {place[1] + 1}" + (f" ({app_id})" if isinstance(app_id, str) else "") + ": "
        place = place[2:]
    field = ".".join(str(part) for part in place)
    what = str(wrong["msg"]).removeprefix("Value error, ")
    return where + (f"{field}: " if field else "") + what
