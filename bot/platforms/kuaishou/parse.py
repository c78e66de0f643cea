"""Kuaishou: `{"result":24,"error_msg":…}`, in the newer envelope with `code`, `sub_code` and `request_id` beside it."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import APP, MESSAGE, REQUEST_ID, Spec, pattern

SPEC = Spec(
    name="kuaishou",
    clues={
        "快手": 4, "kuaishou": 4, "kwai": 4, "ksmerchant": 4, "磁力": 2, "primaryuserid": 3, "appkey:ks": 4, "token中无scope": 4, "error_msg": 1.5, "authorization_revoked": 4,
        "open.seller": 2, "open.order": 1, "open.item": 1, "1002001": 3, "1002002": 2, "merchant_": 2, "ks68": 1, "apiid:": 2, "max_qps": 2, "小店": 2, "signmethod": 1,
        "order operation reject": 3, "refund order": 2,
    },
    keys={"errormsg": MESSAGE, "appkey": APP, "requestid": REQUEST_ID},
    code_keys={"result": 3, "code": 0, "subcode": 0, "errorcode": 0},
    siblings={("result", "errormsg"): 3.0, ("code", "errormsg"): 1.5, ("subcode", "submsg"): 0.5},
    number=lazy(r"-?[1-9]\d{1,8}"),
    word=lazy(r"[a-z]+_[a-z_]+|refreshToken\.\w+|K\d{4}"),
    known_word_keys=frozenset({"error"}),
    patterns=(
        pattern("exceed", r"\[(?P<code>\d{2,7})\] ?exceed"),
        pattern("认证失败", r"OAuth认证失败: ?(?P<code>[a-z]+_[a-z_]+)"),
        pattern("kwai", r"\bKwai\w*Error: [^\n]{0,40}?: ?(?P<code>[a-z]+_[a-z_]+)\b"),
        pattern("?result=", r"\bshare\w*\?result=(?P<code>-?\d{2,9})"),
        pattern("scope", r"(?:没有|缺少?|未授权) ?(?P<scope>[a-z][a-z_]{3,40}) ?(?:这个|的)? ?(?:scope|权限)"),
        pattern("authorization_revoked", r"(?<![\d.])(?P<code>24)[ :,(\"']{1,4}AUTHORIZATION_REVOKED"),
        pattern("k100", r"(?<![0-9a-z])(?P<code>K100\d)(?:[\]\"' :,\n]|$)", bare=True),
        pattern("k00", r"(?<![0-9a-z])(?P<code>K00\d\d)(?:[\]\"' :,)]|$)", bare=True),
        pattern("scope", r"scopes? [^\n,。]{0,8}(?:缺少?|少了?|没有?) ?(?P<scope>[a-z][a-z_]{3,40})"),
        pattern("apiexception", r"\bKs\w*ApiException: ?(?P<code>\d{2,9})[:,]"),
    ),
    id_shape=lazy(r"\d{10,24}|[0-9a-f-]{16,40}|[0-9A-Za-z_-]{12,40}"),
    id_keys=frozenset({"requestid", "traceid", "reqid"}),
    app_shape=lazy(r"ks\d{12,24}"),
    scope=lazy(r"(?<![\w./:-])[a-z]+(?:_[a-z]+){1,4}(?![\w/(:=])", re.A),
    scope_known_only=True,
    brands={"open.kwaixiaodian.com": "shop", "openapi.kwaixiaodian.com": "shop", "open.kuaishou.com": "general", "openapi.kuaishou.com": "general"},
)  # fmt: skip
