"""One question to Feishu and Lark: may this caller do this with that document? (page "check user permission", members/auth)

A link is only read, never opened: host, kind and token must have the shape of a document's address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from bot.i18n import listed, say
from bot.model import App, Identity, Text
from bot.oauth.messages import PlatformRefusal, Request, Talk
from bot.patterns import lazy
from bot.platforms.lark import oauth

TYPES = ("doc", "sheet", "file", "wiki", "bitable", "docx", "mindnote", "minutes", "slides")
ACTIONS = ("view", "edit", "share", "comment", "export", "copy", "print", "manage_public")
_DO: Mapping[str, Text] = {
    "view": Text("read", "阅读"),
    "edit": Text("edit", "编辑"),
    "share": Text("share", "分享"),
    "comment": Text("comment on", "评论"),
    "export": Text("export", "导出"),
    "copy": Text("copy", "拷贝"),
    "print": Text("print", "打印"),
    "manage_public": Text("change the permission settings of", "管理权限设置："),
}
_WHAT: Mapping[str, Text] = {
    "doc": Text("document", "旧版文档"),
    "docx": Text("document", "文档"),
    "sheet": Text("spreadsheet", "电子表格"),
    "file": Text("file", "文件"),
    "wiki": Text("wiki page", "知识库节点"),
    "bitable": Text("base", "多维表格"),
    "mindnote": Text("mind note", "思维笔记"),
    "minutes": Text("minutes", "妙记"),
    "slides": Text("slides", "幻灯片"),
}
SCOPES = ("docs:permission.member:auth", "drive:drive", "docs:doc", "sheets:spreadsheet", "bitable:app", "wiki:wiki", "bitable:bitable")
DOMAINS = ("feishu.cn", "larksuite.com", "larkoffice.com")
PACE = 0.625  # seconds between two questions for one app: 96 a minute, of the 100 that the platform answers

_KINDS: Mapping[str, str] = {
    "docx": "docx",
    "docs": "doc",
    "doc": "doc",
    "wiki": "wiki",
    "sheets": "sheet",
    "sheet": "sheet",
    "base": "bitable",
    "bitable": "bitable",
    "file": "file",
    "minutes": "minutes",
    "slides": "slides",
    "mindnotes": "mindnote",
    "mindnote": "mindnote",
}
_TOKEN = lazy(r"[A-Za-z0-9_-]{10,64}")
_PREFIX = (
    ("doxcn", "docx"),
    ("doccn", "doc"),
    ("shtcn", "sheet"),
    ("bascn", "bitable"),
    ("wikcn", "wiki"),
    ("boxcn", "file"),
    ("bmncn", "mindnote"),
)
_PREFIXES: Mapping[str, str] = dict(_PREFIX)


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """A document and what somebody wants to do with it."""

    token: str
    type: str
    action: str = "view"


@dataclass(frozen=True, slots=True)
class DocumentAnswer:
    """`ok` True or False is the platform's word for `identity`; None: it gave none, and `text` says why. `code` is its error code."""

    ok: bool | None
    identity: Identity
    code: str
    text: Text
    question: DocumentQuestion
    proof: Text | None = None
    request_id: str = ""


def question_of(token_or_link: str, type_: str = "", action: str = "view") -> DocumentQuestion | None:
    """The question about a link or a bare token; None when it names no document, or when type or action are unknown.

    A link's own kind wins over `type_`. A bare token of the older form (`doxcn…`, `shtcn…`) names its type itself.
    """
    text = token_or_link.strip().strip("<>")
    if action not in ACTIONS or type_ not in ("", *TYPES):
        return None
    if "/" in text:
        return _of_link(text, action)
    kind = type_ or _PREFIXES.get(text[:5], "")
    return DocumentQuestion(text, kind, action) if kind and _TOKEN.fullmatch(text) else None


def _of_link(link: str, action: str) -> DocumentQuestion | None:
    try:
        parts = urlsplit(link if "://" in link else f"https://{link}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return None
    if parts.scheme != "https" or parts.username or not any(host == domain or host.endswith("." + domain) for domain in DOMAINS):
        return None
    steps = [step for step in parts.path.split("/") if step]
    if steps[:1] == ["space"]:  # the older form of the same addresses
        steps = steps[1:]
    if len(steps) < 2 or steps[0] not in _KINDS or not _TOKEN.fullmatch(steps[1]):
        return None
    return DocumentQuestion(steps[1], _KINDS[steps[0]], action)


def ask(app: App, question: DocumentQuestion, token: str, identity: Identity) -> Talk[DocumentAnswer]:
    """Ask. An error of the platform becomes an explained answer without yes or no."""
    url = f"{oauth.base(app, 'open')}/open-apis/drive/v1/permissions/{quote(question.token, safe='')}/members/auth"
    query = {"type": question.type, "action": question.action}
    response = yield Request("GET", url, headers={"authorization": f"Bearer {token}"}, query=query)
    try:
        data = oauth.answered(response, hide=(token,)).get("data")
    except PlatformRefusal as refusal:
        return DocumentAnswer(None, identity, refusal.code, explained(refusal, oauth.title(app)), question, request_id=refusal.request_id)
    verdict = data.get("auth_result") if isinstance(data, dict) else None
    if not isinstance(verdict, bool):
        return DocumentAnswer(None, identity, "", say("{platform}'s answer holds neither yes nor no.", platform=oauth.title(app)), question)
    return DocumentAnswer(
        verdict, identity, "0", _sentence(verdict, identity, question), question, _proof(verdict, identity, question, oauth.title(app))
    )


def explained(refusal: PlatformRefusal, platform: Text) -> Text:
    """What an error of members/auth means, and what to do."""
    known = {
        "1063001": say(
            "{platform} finds no such document of this type: check that token and type belong together and that the document exists.",
            platform=platform,
        ),
        "1063003": say(
            "{platform} does not allow this operation: visibility, the organization's policy or a limit stands in the way.",
            platform=platform,
        ),
        "1063005": say("The document has been deleted."),
        "1063006": say("Too many questions in a minute (100 are allowed). Wait a moment and ask again."),
        "1066001": say("{platform} has an internal error. Try again; if it stays, give its support the log_id.", platform=platform),
        "1066002": say("The document's permissions were being changed at that moment. Try again."),
        "99991672": say("The app may not ask: it needs one of these scopes: {scopes}.", scopes=listed(SCOPES)),
        "99991679": say("The person has not let the app ask. One of these scopes is needed: {scopes}.", scopes=listed(SCOPES)),
        "99991663": say("The app's token was refused."),
        "99991668": say("The person's token was refused: refresh it, or authorize again."),
        "99991677": say("The person's token has expired: refresh it, or authorize again."),
        "99991400": say("The app calls {platform} too often just now. Wait a moment and ask again.", platform=platform),
    }
    return known.get(refusal.code) or say(
        "{platform} answered {code}: {message}", platform=platform, code=refusal.code, message=refusal.message
    )


def _sentence(verdict: bool, identity: Identity, question: DocumentQuestion) -> Text:
    named: dict[str, object] = {"action": _DO[question.action], "type": _WHAT[question.type], "token": question.token}
    if identity is Identity.USER:
        return (
            say("Yes: the person may {action} this {type} ({token}).", **named)
            if verdict
            else say("No: the person may not {action} this {type} ({token}). Its owner can share it.", **named)
        )
    if verdict:
        return say("Yes: the app itself may {action} this {type} ({token}).", **named)
    return say(
        "No: the app itself may not {action} this {type} ({token}). Add the app to the document, or call as a person who may.", **named
    )


def _proof(verdict: bool, identity: Identity, question: DocumentQuestion, platform: Text) -> Text:
    if identity is not Identity.USER:
        return say("{platform} answered the question about the document for the app.", platform=platform)
    if verdict:
        return say("{platform} says that this person may {action} the document.", platform=platform, action=_DO[question.action])
    return say(
        "{platform} says that this person may not {action} the document; its owner has to share it.",
        platform=platform,
        action=question.action,
    )
