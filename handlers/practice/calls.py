"""Sample calls for the practice desk: what an app might call, and how each platform wants the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.model import App, Text
from handlers.practice.dingtalk import APIS as DINGTALK
from handlers.practice.kuaishou import APIS as KUAISHOU
from handlers.practice.lark_api import APIS as LARK
from handlers.practice.lark_api import filled
from handlers.practice.slack import METHODS as SLACK


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `style`: how the token travels."""

    title: Text
    method: str
    path: str
    style: str

    def prefix(self, kind: str) -> str:
        """How tokens of this platform start."""
        if self.style == "bearer":
            return "t-" if kind == "tenant" else "eyJpractice."
        if self.style == "slack":
            return "xoxb-practice-" if kind == "tenant" else "xoxp-practice-"
        return ""

    @property
    def lead(self) -> str:
        """What a program's log would show in front of the answer: Kuaishou's says nowhere which API was called."""
        return ".".join(["open", *self.path.split("/open/", 1)[1].split("/")]) + " " if self.style == "kuaishou" else ""

    def headers(self, token: str) -> Mapping[str, str]:
        """The header that carries the token."""
        if self.style in ("bearer", "slack"):
            return {"authorization": f"Bearer {token}"}
        return {"x-acs-dingtalk-access-token": token} if self.style == "dingtalk" else {}

    def query(self, app: App, token: str) -> Mapping[str, str] | None:
        """The query that carries the token."""
        return {"appkey": app.app_id, "access_token": token, "version": "1", "param": "{}"} if self.style == "kuaishou" else None


def calls_of(app: App) -> tuple[Call, ...]:
    """What an app of this platform can try here."""
    if app.platform == "lark":
        return tuple(Call(api.title, api.method, f"/{app.brand or 'feishu'}{filled(api.path)}", "bearer") for api in LARK)
    if app.platform == "dingtalk":
        return tuple(Call(api.title, api.method, f"/dingtalk{api.path}", "dingtalk") for api in DINGTALK)
    if app.platform == "kuaishou":
        prefix = "/kuaishou" if app.brand == "shop" else "/kuaishou-general"
        return tuple(Call(api.title, "GET", prefix + api.path, "kuaishou") for api in KUAISHOU)
    return tuple(Call(method.title, "POST", f"/slack/api/{method.name}", "slack") for method in SLACK)
