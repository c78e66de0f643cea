"""Who lives on the practice platform: three people, five applications, a few documents. Invented, fixed, the same on every start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from bot.model import App, Text

PRACTICE_BASE = "http://127.0.0.1:8711"
CALLBACK_BASE = "http://127.0.0.1:8710"


def _mark(*parts: str, length: int = 32) -> str:
    return sha256("|".join(parts).encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class PracticePerson:
    """Somebody who can sign in on the practice platform. `admin` may approve app versions."""

    key: str
    name: Text
    title: Text
    admin: bool = False

    def ids(self, platform: str, app_id: str) -> Mapping[str, str]:
        """The ids the platform names for this person towards that app, the main one first (as in `Account.ids`)."""
        if platform == "lark":
            return {
                "open_id": "ou_" + _mark("open", app_id, self.key),
                "union_id": "on_" + _mark("union", self.key),
                "user_id": _mark(self.key)[:8],
            }
        if platform == "dingtalk":
            return {"unionId": _mark("ding", self.key, length=24) + "iE", "openId": _mark("ding-open", app_id, self.key, length=24) + "iE"}
        if platform == "kuaishou":
            return {"open_id": "f" + _mark("ks", app_id, self.key)}
        return {"user_id": "U" + _mark("slack", self.key, length=10).upper()}

    def account(self, platform: str, app_id: str) -> str:
        """The main id: what the bot compares when it asks whose token came back."""
        return next(iter(self.ids(platform, app_id).values()))


PEOPLE = (
    PracticePerson("alice", Text("Alice", "Alice"), Text("Product manager", "产品经理")),
    PracticePerson("bob", Text("Bob", "Bob"), Text("Engineer", "工程师")),
    PracticePerson("chenwei", Text("Chen Wei", "陈伟"), Text("Workspace admin", "企业管理员"), admin=True),
)


def practice_people() -> tuple[PracticePerson, ...]:
    """Everybody who can sign in on the practice platform."""
    return PEOPLE


def person(key: str) -> PracticePerson | None:
    """The person with this key."""
    return next((one for one in PEOPLE if one.key == key), None)


FEISHU = "cli_a100practice0001"
LARK = "cli_a200practice0002"
DINGTALK = "dingpractice00000001"
KUAISHOU = "ks700000000000000001"
KUAISHOU_GENERAL = "ks710000000000000002"
SLACK = "1000000001.2000000002"


def practice_apps(base: str = PRACTICE_BASE, callback_base: str = CALLBACK_BASE) -> tuple[App, ...]:
    """The practice applications as `apps.toml` would list them.

    `base` is where the practice platform listens, `callback_base` the bot's own public address. Every app has its own callback path.
    """

    def app(platform: str, app_id: str, name: str, brand: str, hosts: Mapping[str, str]) -> App:
        return App(
            platform=platform,
            app_id=app_id,
            name=name,
            brand=brand,
            secret="practice-" + _mark("secret", app_id),
            redirect_uri=f"{callback_base}/consent/callback/{platform}/{app_id}",
            hosts=hosts,
            app_key="practice-key-" + _mark("key", app_id, length=20),
            practice=True,
        )

    return (
        app("lark", FEISHU, "Sheet Helper", "feishu", {"open": f"{base}/feishu", "accounts": f"{base}/feishu"}),
        app("lark", LARK, "Doc Reader", "lark", {"open": f"{base}/lark", "accounts": f"{base}/lark"}),
        app(
            "dingtalk",
            DINGTALK,
            "Contact Sync",
            "",
            {"login": f"{base}/dingtalk", "api": f"{base}/dingtalk", "oapi": f"{base}/dingtalk", "console": f"{base}/dingtalk"},
        ),
        app("kuaishou", KUAISHOU, "Shop Stock", "shop", {"open": f"{base}/kuaishou", "openapi": f"{base}/kuaishou"}),
        app(
            "slack",
            SLACK,
            "Channel Digest",
            "",
            {"slack": f"{base}/slack", "api": f"{base}/slack/api", "console": f"{base}/slack/apps"},
        ),
    )


def general_kuaishou(base: str = PRACTICE_BASE, callback_base: str = CALLBACK_BASE) -> App:
    """An app of Kuaishou's general platform. Not in the demo, where the shop is what people ask about; the tests use it."""
    return App(
        platform="kuaishou",
        app_id=KUAISHOU_GENERAL,
        name="Clip Board",
        brand="general",
        secret="practice-" + _mark("secret", KUAISHOU_GENERAL),
        redirect_uri=f"{callback_base}/consent/callback/kuaishou/{KUAISHOU_GENERAL}",
        hosts={"open": f"{base}/kuaishou-general", "openapi": f"{base}/kuaishou-general"},
        practice=True,
    )


@dataclass(frozen=True, slots=True)
class Start:
    """What an application's console holds before anybody touches it: scope → token types."""

    online: Mapping[str, tuple[str, ...]]
    draft: Mapping[str, tuple[str, ...]]


_BOTH = ("tenant", "user")
STARTS: Mapping[str, Start] = {
    FEISHU: Start(
        online={
            "offline_access": ("user",),
            "sheets:spreadsheet": ("user",),
            "docx:document:readonly": _BOTH,
            "drive:drive:readonly": _BOTH,
            "docs:permission.member:auth": _BOTH,
            "wiki:wiki:readonly": _BOTH,
            "im:message.group_msg": ("tenant",),
            "application:application:self_manage": ("tenant",),
            "task:task:read": ("user",),
        },
        draft={"calendar:calendar:readonly": _BOTH},
    ),
    LARK: Start(
        online={
            "offline_access": ("user",),
            "docx:document:readonly": _BOTH,
            "docs:permission.member:auth": _BOTH,
            "drive:drive:readonly": _BOTH,
            "application:application:self_manage": ("tenant",),
            "task:task:read": ("user",),
        },
        draft={"calendar:calendar:readonly": _BOTH},
    ),
    DINGTALK: Start(
        online={"Contact.User.Read": ("user", "tenant"), "Calendar.Event.Read": ("user", "tenant"), "qyapi_get_member": ("tenant",)},
        draft={},
    ),
    KUAISHOU: Start(
        online=dict.fromkeys(
            ("user_base", "user_info", "merchant_user", "merchant_item", "merchant_order", "merchant_refund", "merchant_logistics"),
            ("user",),
        ),
        draft={},
    ),
    KUAISHOU_GENERAL: Start(online=dict.fromkeys(("user_info", "user_video_info", "user_video_publish"), ("user",)), draft={}),
    SLACK: Start(online={}, draft={}),
}


@dataclass(frozen=True, slots=True)
class Document:
    """A practice document and who may do what with it; an app counts as `app`."""

    token: str
    type: str
    title: str
    rights: Mapping[str, frozenset[str]]
    deleted: bool = False


_ALL = frozenset({"view", "edit", "share", "comment", "export", "copy", "print", "manage_public"})
_READ = frozenset({"view", "comment", "copy", "print", "export"})
_LOOK = frozenset({"view"})

DOCUMENTS = (
    Document("doxcnPracticePlan0000000001", "docx", "Launch plan", {"alice": _ALL, "bob": _READ, "chenwei": _LOOK}),
    Document("shtcnPracticeBudget00000002", "sheet", "Budget 2026", {"alice": _READ, "bob": _ALL, "app": _LOOK}),
    Document("bascnPracticeTracker0000003", "bitable", "Bug tracker", {"bob": _ALL, "chenwei": _READ, "app": _READ}),
    Document("wikcnPracticeHandbook000004", "wiki", "Team handbook", {"alice": _READ, "bob": _READ, "chenwei": _ALL}),
    Document("boxcnPracticeContract000005", "file", "Contract.pdf", {"chenwei": _ALL}),
    Document("doxcnPracticeGone0000000006", "docx", "Deleted notes", {"alice": _ALL}, deleted=True),
)
