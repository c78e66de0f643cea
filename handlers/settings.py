"""Settings: environment variables and `.env`, prefix `WHYFORBIDDEN_`. Each field's description is the documentation (`settings_table`).

A door is open when its credentials are there; a half-configured door is an error that names what is missing. Whatever is wrong
comes out as one `SettingsError` of one line, without the values: they may be secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import OperatorError
from handlers.system import is_local

PREFIX = "WHYFORBIDDEN_"

Names = Annotated[tuple[str, ...], NoDecode]
"""Comma separated in the environment."""


class SettingsError(OperatorError):
    """One line that names the setting and says what to do."""


def data_directory() -> Path:
    """Where a user's own data goes (XDG base directories)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path("~/.local/share").expanduser()) / "whyforbidden"


def _default_store() -> str:
    return f"sqlite:///{data_directory() / 'whyforbidden.db'}"


class Settings(BaseSettings):
    """Everything that can be configured."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    # where we are
    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every interface")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes any free one")
    public_url: str = Field(
        "",
        description="address under which people reach this server (https, needed for consent outside this machine); besides this machine's own names it is the only host name that is answered",
    )
    trust_proxy: Names = Field((), description="addresses of reverse proxies whose X-Forwarded-* headers are believed, comma separated")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (),
        description="keys for the JSON API (`/v1/…`) and, from elsewhere, `/metrics`, comma separated; without any, the apps may call it with their own keys, and this machine while it listens on loopback only and has no public address",
    )

    # memory
    store_url: str = Field(
        default_factory=_default_store,
        repr=False,  # may hold a password
        description="SQLAlchemy URL of the store: `sqlite:////path.db`, or `postgresql://user:password@host/name` for several replicas",
        json_schema_extra={"shown": "SQLite file in ~/.local/share/whyforbidden"},
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="seals tokens at rest; at least 32 random characters; several, comma separated, for rotation (the first seals)",
        json_schema_extra={"shown": "a key file made beside the SQLite store"},
    )
    retention_days: int = Field(
        30, ge=1, le=3650, description="days after which cards, finished consents and remembered errors are forgotten"
    )
    audit_days: int = Field(365, ge=1, le=3650, description="days after which rows of the audit trail are forgotten")

    # apps
    apps_file: Path | None = Field(
        None,
        description="apps whose users may be sent to re-authorize (TOML)",
        json_schema_extra={"shown": "apps.toml in the working directory, when there is one"},
    )
    device_flow: bool = Field(
        False, description="allow the Feishu/Lark device flow (a code typed on another device), by direct message only"
    )
    lark_jssdk_url: str = Field(
        "https://lf-scm-cn.feishucdn.com/lark/op/h5-js-sdk-1.5.44.js",
        description="exact address of the vendor's script on the in-client consent page; no other page loads anything foreign",
    )

    # doors
    slack_bot_token: SecretStr = Field(SecretStr(""), description="bot token (xoxb-…); opens the Slack door")
    slack_app_token: SecretStr = Field(SecretStr(""), description="app-level token (xapp-…); when set, Socket Mode is used")
    slack_signing_secret: SecretStr = Field(SecretStr(""), description="signing secret; needed when Slack calls `/slack/events`")
    slack_api_url: str = Field("https://slack.com/api/", description="base address of the Slack Web API")
    lark_app_id: str = Field("", description="app id (cli_…) of the bot; opens the Lark/Feishu door")
    lark_app_secret: SecretStr = Field(SecretStr(""), description="app secret of the bot")
    lark_encrypt_key: SecretStr = Field(SecretStr(""), description="encrypt key of the event subscription (webhook)")
    lark_verification_token: SecretStr = Field(SecretStr(""), description="verification token of the event subscription (webhook)")
    lark_domain: str = Field("feishu", description="`feishu`, `lark`, or the base address of a private deployment")
    lark_mode: Literal["ws", "webhook"] = Field("ws", description="`ws` long connection, `webhook` events at `/lark/events`")
    dingtalk_client_id: str = Field("", description="client id of the bot; opens the DingTalk door")
    dingtalk_client_secret: SecretStr = Field(SecretStr(""), description="client secret of the bot")
    dingtalk_api_url: str = Field("https://api.dingtalk.com", description="base address of the DingTalk open API")
    dingtalk_card_template: str = Field(
        "",
        description="id of your interactive card template (….schema); without one, answers are Markdown messages, and buttons are words to send",
    )

    # manners
    locale: Literal["en", "zh"] = Field("en", description="language when neither the asker's nor the text's is known")
    admins: Names = Field((), description="people who may mute, export and revoke for all: `surface:tenant:user`, comma separated")
    listen_channels: Names = Field(
        (), description="channels in which errors are answered without a mention, ids comma separated; `*` for all"
    )
    channel_detail: Literal["brief", "full"] = Field(
        "brief", description="what everybody in a channel sees: `brief` (what, who must act) or `full` (app ids, owners, all scopes)"
    )
    quiet_minutes: int = Field(
        60, ge=0, le=10080, description="minutes during which the same need in the same chat updates one card instead of posting another"
    )
    asks_per_minute: int = Field(
        30,
        ge=1,
        le=10000,
        description="questions one person (at the chat page: one browser) may ask in a minute; one address at the chat page may ask ten times as many",
    )
    chat_asks_per_minute: int = Field(120, ge=1, le=100000, description="questions that one chat may ask in a minute, whoever asks them")
    queue_limit: int = Field(
        200, ge=1, le=100000, description="questions that may wait at one door; beyond it the bot says that it is busy"
    )
    max_upload: int = Field(5_000_000, ge=1000, le=50_000_000, description="largest paste or file that is read, in bytes")

    # operation
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severe log line that is written")
    log_format: Literal["auto", "json", "console"] = Field("auto", description="`json`, `console`, or `auto` (console on a terminal)")
    practice: bool = Field(
        False, description="practice mode: talks to the practice platform on this machine only; set by `whyforbidden demo`"
    )

    @field_validator("trust_proxy", "admins", "listen_channels", "api_keys", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("admins")
    @classmethod
    def _three_parts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(len(name.split(":")) != 3 or not all(name.split(":")) for name in value):
            raise ValueError("each admin is written surface:tenant:user, for example slack:T012AB3CD:U012AB3CD")
        return value

    @field_validator("trust_proxy")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                each == "*" or ip_network(each)
            except ValueError:
                raise ValueError("write addresses or networks such as 10.0.0.0/8, or * for any") from None
        return value

    @field_validator("api_keys")
    @classmethod
    def _long_enough(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        if any(len(key.get_secret_value()) < 24 for key in value):
            raise ValueError("each key needs at least 24 random characters")
        return value

    @field_validator("public_url", "slack_api_url", "dingtalk_api_url", "lark_jssdk_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        return value and _checked_url(value)

    @field_validator("lark_domain")
    @classmethod
    def _known_domain(cls, value: str) -> str:
        return value if value in ("feishu", "lark") else _checked_url(value)

    @model_validator(mode="after")
    def _whole_doors(self) -> Self:
        missing: list[str] = []
        if self.slack_bot_token or self.slack_app_token or self.slack_signing_secret:
            missing += self._absent("Slack", "slack_bot_token")
            if not (self.slack_app_token or self.slack_signing_secret):
                missing.append(f"the Slack door also needs {PREFIX}SLACK_APP_TOKEN (Socket Mode) or {PREFIX}SLACK_SIGNING_SECRET (HTTP)")
        if self.lark_app_id or self.lark_app_secret or self.lark_encrypt_key or self.lark_verification_token:
            missing += self._absent("Lark", "lark_app_id", "lark_app_secret")
            if self.lark_mode == "webhook" and not (self.lark_encrypt_key or self.lark_verification_token):
                missing.append(f"the Lark webhook also needs {PREFIX}LARK_ENCRYPT_KEY or {PREFIX}LARK_VERIFICATION_TOKEN")
        if self.dingtalk_client_id or self.dingtalk_client_secret:
            missing += self._absent("DingTalk", "dingtalk_client_id", "dingtalk_client_secret")
        if missing:
            raise ValueError("; ".join(missing))
        return self

    def _absent(self, door: str, *names: str) -> list[str]:
        absent = [PREFIX + name.upper() for name in names if not getattr(self, name)]
        return [f"the {door} door also needs {' and '.join(absent)}"] if absent else []

    # ------------------------------------------------------------ reading them

    @property
    def slack(self) -> bool:
        """Is the Slack door open?"""
        return bool(self.slack_bot_token)

    @property
    def lark(self) -> bool:
        """Is the Lark/Feishu door open?"""
        return bool(self.lark_app_id)

    @property
    def dingtalk(self) -> bool:
        """Is the DingTalk door open?"""
        return bool(self.dingtalk_client_id)

    @property
    def local_only(self) -> bool:
        """Bound to this machine and without a public address: nobody else reaches the server."""
        return is_local(self.host) and (not self.public_url or is_local(urlsplit(self.public_url).hostname or ""))

    @property
    def base_url(self) -> str:
        """The address that links begin with, without a slash at the end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 (read, not bound)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of the vault, first the one that seals; empty when unset."""
        return tuple(part for key in self.secret_key.get_secret_value().split(",") if (part := key.strip()))


def load_settings(**overrides: Any) -> Settings:
    """Read the environment and `.env`; `overrides` (field names) win. Raises `SettingsError`."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError("the file .env in this directory cannot be read; it has to be UTF-8 text that this user may open") from None


def unknown_names(environment: Mapping[str, object]) -> tuple[str, ...]:
    """Variables with our prefix that are no setting: most likely misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return tuple(sorted(name for name in environment if name.startswith(PREFIX) and name not in known | {f"{PREFIX}REQUIRE_PEERS"}))


def misspelt() -> tuple[str, ...]:
    """A sentence for each variable of the environment and of `.env` that has our prefix and is no setting."""
    known = [name.upper() for name in Settings.model_fields]
    found = []
    for name in unknown_names({**dotenv_values(".env", interpolate=False), **os.environ}):
        near = get_close_matches(name.removeprefix(PREFIX), known, n=1)
        found.append(f"{name} is no setting" + (f"; did you mean {PREFIX}{near[0]}?" if near else " and is not read."))
    return tuple(found)


def exposed(apps_file: Path | None) -> tuple[str, ...]:
    """A sentence for each file with secrets (`.env`, apps.toml) that every user of this machine may read."""
    files = (Path(".env"), apps_file or Path("apps.toml"))
    return tuple(
        f"{file} holds secrets and can be read by every user of this machine; run: chmod 600 {file}"
        for file in files
        if file.is_file() and file.stat().st_mode & 0o006
    )


def settings_table() -> tuple[tuple[str, str, str], ...]:
    """Rows (name, default, meaning) for the documentation."""
    rows = []
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        shown = str(extra["shown"]) if "shown" in extra else _shown(field.default)
        rows.append((PREFIX + name.upper(), shown, field.description or ""))
    return tuple(rows)


def _shown(default: Any) -> str:
    if default in (None, "", (), PydanticUndefined) or isinstance(default, SecretStr):
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def _checked_url(value: str) -> str:
    """An absolute web address of ours or a platform's: https, or http on this machine."""
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ValueError("write a whole address such as https://bot.example.com, without query")
    if parts.scheme == "http" and not is_local(parts.hostname):
        raise ValueError("http is only for this machine; use https")
    return value


def _one_line(error: ValidationError) -> str:
    sentences = []
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        what = re.sub(r"^Value error, ", "", each["msg"])
        name = PREFIX + str(each["loc"][0]).upper() if each["loc"] else ""
        sentences.append(f"{name}: {what}" if name else what)
    return "; ".join(sentences)
