"""Microsoft: `AADSTS…` from the identity platform, textual codes from Graph (`Authorization_RequestDenied`, `ErrorAccessDenied`)."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import REQUEST_ID, Spec, pattern

SPEC = Spec(
    name="microsoft",
    clues={
        "aadsts": 6, "microsoft": 4, "微软": 4, "azure": 4, "odata": 3, "innererror": 3, "msal": 3, "graph.": 1, "graph api": 3, "permissions on the request": 4, "sharepoint": 3, "onedrive": 3, "outlook": 2, "authorization_requestdenied": 4,
        "insufficient privileges to complete": 4, "erroraccessdenied": 4, "invalidauthenticationtoken": 3, "correlation id": 1, "client-request-id": 2, "office365": 3, "entra": 2,
        "lifetime validation failed": 3, "trace id": 1, "to graph": 3, "graph call": 3, "microsoft 365": 4, "jwt.ms": 2, "intune": 3, "office 365": 4, "o365": 4, "exchange": 1.5, "app registration": 2.5, "teams": 1, "mailbox": 1, "powershell": 1, "dynamics": 2, "power bi": 3, "admin consent": 2, "conditional access": 3, "tenant": 0.5, "azuread": 4, "aad": 1.5,
    },
    keys={"innererror": "hint", "相关id": REQUEST_ID, "跟踪id": REQUEST_ID, "xmsrequestid": REQUEST_ID, "xmscorrelationid": REQUEST_ID},
    code_keys={"code": 1, "error": 0},
    word=lazy(r"AADSTS\d{4,8}|[A-Za-z]+_[A-Za-z0-9]+(?:_[A-Za-z]+)*|(?:[A-Z][a-z]+){2,6}|[a-z]+(?:[A-Z][a-z]+)+|[a-z]+_[a-z_]+|unauthenticated|Forbidden|Unauthorized"),
    word_keys=frozenset({"code", "errorcode", "errcode", "errno"}),
    known_word_keys=frozenset({"error"}),
    refuse=lazy(r"invalid_request|consent_required|access_denied|unknownError|GraphError|AuthError"),
    weak=lazy(r"invalid_client|invalid_grant|unauthorized_client|interaction_required|temporarily_unavailable|invalid_resource"),
    patterns=(
        pattern("aadsts", r"\b(?P<code>AADSTS\d{4,8}):"),
        pattern("aadsts", r"\b(?P<code>AADSTS\d{4,8})\b", bare=True),
        pattern("error:", r"\bError: ?(?P<code>(?-i:Authorization_\w{4,40}|Error[A-Z]\w{4,40}|Request_[A-Z]\w{4,40}))\b"),
        pattern("trace id", r"\bTrace ID: ?(?P<request_id>[0-9a-f]{8}-[0-9a-f-]{27})"),
        pattern("correlation id", r"\bCorrelation ID: ?(?P<request_id>[0-9a-f]{8}-[0-9a-f-]{27})"),
    ),
    id_shape=lazy(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
    id_keys=frozenset({"requestid", "clientrequestid", "traceid", "correlationid", "xmsrequestid", "xmscorrelationid", "请求id", "相关id", "跟踪id"}),
    scope=lazy(r"(?<![\w./:-])(?:[A-Z][A-Za-z]+\.(?:Read|ReadBasic|ReadWrite|Send|Manage|FullControl|Create|AccessAsUser)(?:\.[A-Z]\w+){0,2})(?![\w/])", re.A),
    brands={"graph.microsoft.com": "microsoft", "login.microsoftonline.com": "microsoft", "login.live.com": "microsoft"},
)  # fmt: skip
