"""Looking at Feishu and Lark, never changing: the app's scopes and state, and the proof that a new consent works.

Facts: the pages "scope list", "scope apply" (application v6), "get application", "tenant_access_token (self-built)". The question about a
document is in `documents.py`. `apply_scopes` is the one call here that asks somebody for something; it runs from a button only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.i18n import listed, say
from bot.model import App, AppFacts, Diagnosis, Identity, Proof
from bot.oauth.generic import plain_text, text_or_none
from bot.oauth.messages import PlatformRefusal, Request, Talk, Token
from bot.platforms.api import Applied, Checks, Documents
from bot.platforms.lark import oauth
from bot.platforms.lark.documents import PACE, DocumentAnswer, DocumentQuestion, ask, question_of
from bot.platforms.lark.documents import SCOPES as DOCUMENT_SCOPES

_IDENTITY: Mapping[object, Identity] = {"tenant": Identity.APP, "user": Identity.USER}
_STATUS: Mapping[object, str] = {0: "disabled", 1: "enabled", 2: "not_enabled"}
# The app's own data needs one of these; without it the scope list alone is known.
_NO_RIGHT = frozenset({"99991672", "210504", "210505", "210506", "210507", "210508"})


def tenant_token(app: App) -> Talk[str]:
    """The app's own token (self-built apps)."""
    url = oauth.base(app, "open") + "/open-apis/auth/v3/tenant_access_token/internal"
    response = yield Request("POST", url, json={"app_id": app.app_id, "app_secret": app.secret})
    token = text_or_none(oauth.answered(response, hide=(app.secret,)).get("tenant_access_token"))
    if token is None:
        raise PlatformRefusal("no_token", "the answer holds no tenant access token", blame="platform")
    return token


def app_facts(app: App) -> Talk[AppFacts]:
    """Which scopes work for which token, what waits for the admin, the registered redirect addresses, and whether the app is on.

    Where the app may not read its own data, the scope list alone is known: such scopes carry `Identity.UNKNOWN` (granted to the app, token
    type not told). A scope that is in a draft only is seen by no call: it is then simply not enabled.
    """
    token = yield from tenant_token(app)
    response = yield _get(app, "/open-apis/application/v6/scopes", token)
    data = oauth.answered(response, hide=(token,)).get("data")
    rows = data.get("scopes") if isinstance(data, dict) else None
    granted, pending = set[str](), set[str]()
    for row in rows if isinstance(rows, list) else ():
        name = plain_text(row.get("scope_name"), 120) if isinstance(row, dict) else ""
        if name:
            (granted if row.get("grant_status") == 1 else pending).add(name)
    response = yield _get(app, "/open-apis/application/v6/applications/me", token, lang="zh_cn")
    try:
        data = oauth.answered(response, hide=(token,)).get("data")
    except PlatformRefusal as refusal:
        if refusal.code not in _NO_RIGHT:
            raise
        data = None
    info = data.get("app") if isinstance(data, dict) else None
    if not isinstance(info, dict):
        return AppFacts(enabled=dict.fromkeys(sorted(granted), frozenset({Identity.UNKNOWN})), pending=frozenset(pending))
    kinds = _kinds(info.get("scopes"))
    enabled = {name: kinds.get(name) or frozenset({Identity.UNKNOWN}) for name in sorted(granted)}
    waiting, online = bool(text_or_none(info.get("unaudit_version_id"))), bool(text_or_none(info.get("online_version_id")))
    urls = info.get("redirect_urls")
    return AppFacts(
        enabled=enabled,
        pending=frozenset(pending),
        redirect_uris=tuple(url for url in urls if isinstance(url, str)) if isinstance(urls, list) else None,
        published=online and not waiting if (online or waiting) else None,
        status=_STATUS.get(info.get("status")),
    )


def prove(app: App, token: Token, diagnosis: Diagnosis, needed: Sequence[str]) -> Talk[Proof]:
    """Repeat something harmless as the person: the document question when the failed call was about a known document, else user_info.

    `needed` are the scopes that the consent was for. Raises `PlatformRefusal` when the platform cannot be asked.
    """
    lacking = [name for name in needed if name not in token.scopes]
    if lacking:
        return Proof(False, say("the new token does not hold {scopes}.", scopes=listed(lacking)), "scopes")
    question = question_of(diagnosis.finding.resource or "", diagnosis.finding.hints.get("type", ""))
    if question is not None and any(name in DOCUMENT_SCOPES for name in token.scopes):
        answer = yield from ask(app, question, token.access_token, Identity.USER)
        if answer.ok is not None:
            return Proof(answer.ok, answer.proof or answer.text, "members_auth")
    account = yield from oauth.whoami(app, token)
    held = say(
        "a call as {name} was answered, and the new token holds {scopes}.",
        name=account.name or next(iter(account.ids.values())),
        scopes=listed(needed),
    )
    return Proof(True, held, "user_info")


def apply_scopes(app: App) -> Talk[Applied]:
    """Ask the tenant's admin to approve every scope that the published version still lacks. At most ten times a version."""
    token = yield from tenant_token(app)
    url = oauth.base(app, "open") + "/open-apis/application/v6/scopes/apply"
    response = yield Request("POST", url, headers={"authorization": f"Bearer {token}"})
    try:
        oauth.answered(response, hide=(token,))
    except PlatformRefusal as refusal:
        explained = {
            "212001": say(
                "Only super-level scopes are left. Those cannot be asked for this way: the admin grants them in the admin console."
            ),
            "212002": say(
                "There is nothing to ask for: every scope of the published version is approved. Publish a version with the scope first."
            ),
            "212003": say("The admin was asked ten times for this version, which is the limit. Talk to the admin directly."),
            "212004": say("The admin was asked already and has not decided yet."),
            "212100": say("The app is not installed in this organization."),
        }.get(refusal.code)
        if explained is None:
            raise
        return Applied(False, refusal.code, explained)
    return Applied(True, "0", say("The admin has been asked. The scopes work as soon as the admin approves."))


def check_document(
    app: App,
    token_or_link: str,
    type_: str = "",
    action: str = "view",
    user_token: str | None = None,
    *,
    wait: float = 0.0,
) -> Talk[DocumentAnswer]:
    """May the person (with `user_token`) or else the app do `action` with that document?

    `token_or_link` is a document's token or its address on feishu.cn, larksuite.com or larkoffice.com; a bare token needs `type_`.
    `wait`: the seconds until there is room for one more question (the platform answers 100 a minute); above 0 nothing is sent. Never raises
    for an answer of the platform: each is explained in the `DocumentAnswer`.
    """
    question = question_of(token_or_link, type_, action)
    identity = Identity.USER if user_token else Identity.APP
    if question is None:
        text = say("This is no document that I can ask about. Give its link, or its token together with its type.")
        return DocumentAnswer(None, identity, "", text, DocumentQuestion("", type_, action))
    if wait > 0:
        text = say(
            "{platform} answers at most 100 such questions a minute. Ask again in {seconds} s.",
            platform=oauth.title(app),
            seconds=max(1, round(wait)),
        )
        return DocumentAnswer(None, identity, "1063006", text, question)
    try:
        token = user_token or (yield from tenant_token(app))
        return (yield from ask(app, question, token, identity))
    except PlatformRefusal as refusal:
        text = say("{platform} could not be asked: {code} {message}", platform=oauth.title(app), code=refusal.code, message=refusal.message)
        return DocumentAnswer(None, identity, refusal.code, text, question)


def _get(app: App, path: str, token: str, **query: str) -> Request:
    return Request("GET", oauth.base(app, "open") + path, headers={"authorization": f"Bearer {token}"}, query=query)


def _kinds(rows: object) -> Mapping[str, frozenset[Identity]]:
    found = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and isinstance(row.get("token_types"), list):
            found[plain_text(row.get("scope"), 120)] = frozenset(_IDENTITY[kind] for kind in row["token_types"] if kind in _IDENTITY)
    return found


def understands(token_or_link: str, type_: str, action: str) -> bool:
    """Is this a question about a document that can be asked?"""
    return question_of(token_or_link, type_, action) is not None


CHECKS = Checks(
    prove=prove,
    app_facts=app_facts,
    app_token=tenant_token,
    apply_scopes=apply_scopes,
    documents=Documents(PACE, understands, check_document),
)
