"""What a platform tells the extraction: values only. Each `bot/platforms/<name>/parse.py` offers one `SPEC`.

The readers are shared; a platform names its keys, shapes, hosts and wordings here. Beside `parse.py` a file
`wordings.toml` may list literal lower-case wordings → the catalogue entry they point to (`[phrases]`), and `foreign_words`, the textual
codes that other systems use as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from bot.patterns import lazy

# Roles that a key of a paste can have. Keys are compared in lower case without `_`, `-` and spaces.
CODE: Final = "code"
SUB_CODE: Final = "sub_code"
MESSAGE: Final = "message"
REQUEST_ID: Final = "request_id"
NEED: Final = "need"  # scopes that are missing
HAVE: Final = "have"  # scopes that are there, or were asked for: never missing ones
APP: Final = "app"
STATUS: Final = "status"
IDENTITY: Final = "identity"
FLAG: Final = "flag"  # true/false: did it work?
HINT: Final = "hint"  # a small fact, kept under the key's own name

GENERIC_KEYS: Final[Mapping[str, str]] = {
    "code": CODE, "errcode": CODE, "errorcode": CODE, "errno": CODE, "error": CODE, "err": CODE, "type": CODE, "reason": CODE,
    "servererrorcode": CODE, "upstreamcode": CODE, "result": CODE, "错误码": CODE, "错误代码": CODE, "返回码": CODE, "rc": CODE, "ret": CODE, "retcode": CODE, "returncode": CODE, "错误编号": CODE, "错误号": CODE,
    "subcode": SUB_CODE,
    "msg": MESSAGE, "errmsg": MESSAGE, "message": MESSAGE, "errormsg": MESSAGE, "errormessage": MESSAGE, "errordescription": MESSAGE,
    "submsg": MESSAGE, "description": MESSAGE, "错误信息": MESSAGE, "错误消息": MESSAGE, "报错信息": MESSAGE, "错误描述": MESSAGE, "desc": MESSAGE,
    "requestid": REQUEST_ID, "reqid": REQUEST_ID, "rid": REQUEST_ID, "logid": REQUEST_ID, "traceid": REQUEST_ID, "日志id": REQUEST_ID, "请求id": REQUEST_ID,
    "xrequestid": REQUEST_ID, "correlationid": REQUEST_ID, "clientrequestid": REQUEST_ID, "追踪id": REQUEST_ID,
    "requiredscopes": NEED, "requiredscope": NEED, "missingscopes": NEED, "missingscope": NEED, "scopesrequired": NEED, "needed": NEED,
    "needscope": NEED, "needscopes": NEED, "缺少权限": NEED, "所需权限": NEED, "missingpermissions": NEED, "requiredpermissions": NEED,
    "provided": HAVE, "acceptedscopes": HAVE, "grantedscopes": HAVE, "requestedscopes": HAVE, "currentscopes": HAVE, "xoauthscopes": HAVE,
    "xacceptedoauthscopes": HAVE, "granted": HAVE, "newlygranted": HAVE, "newlygrantedscopes": HAVE, "tokenscopes": HAVE, "已授权": HAVE,
    "requested": HAVE, "alreadygranted": HAVE, "已有权限": HAVE, "已开通权限": HAVE,
    "appid": APP, "clientid": APP, "appkey": APP,
    "status": STATUS, "statuscode": STATUS, "httpstatus": STATUS, "httpcode": STATUS, "httpstatuscode": STATUS, "状态码": STATUS,
    "identity": IDENTITY, "tokentype": IDENTITY, "as": IDENTITY,
    "ok": FLAG, "success": FLAG,
    "methodid": HINT,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pattern:
    """A vendor's own form that no generic reader sees. `trigger` is a lower-case literal that must be there first;
    the groups `code`, `sub_code`, `request_id`, `scope`, `app` name what was read. `bare`: the form is the code itself, which a sentence
    may as well speak about."""

    trigger: str
    regex: re.Pattern[str]
    bare: bool = False


def pattern(trigger: str, regex: str, *, bare: bool = False) -> Pattern:
    """A `Pattern`, case ignored."""
    return Pattern(trigger, lazy(regex, re.I | re.A | re.M), bare)


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """How one platform's errors look.

    `clues` are lower-case literals that speak for the platform, with a weight (3 is enough to believe it).
    `unsaid` are what may stand right before a clue that then says nothing (`com.` of a package's name).
    `keys` give further keys a role; `code_keys` say how much a key name speaks for this platform.
    `siblings` say how much a key (second) near a code key (first) speaks for it. `word_keys` may hold any word of the shape, `known_word_keys` only
    one that the catalogue knows. `number` and `word` are full-match shapes of numeric and textual codes; `foreign_words` (of
    `wordings.toml`) are textual codes that other systems use as well, so they need a clue. `refuse` are values of code keys that belong to wrappers, `weak`
    words that only count when no other code of the platform stands beside them.
    """

    name: str
    clues: Mapping[str, float]
    unsaid: tuple[str, ...] = ()
    keys: Mapping[str, str] = field(default_factory=dict)
    code_keys: Mapping[str, int] = field(default_factory=dict)
    number: re.Pattern[str] | None = None
    word: re.Pattern[str] | None = None
    word_keys: frozenset[str] = frozenset()
    known_word_keys: frozenset[str] = frozenset()
    siblings: Mapping[tuple[str, str], float] = field(default_factory=dict)
    foreign_words: frozenset[str] = frozenset()
    refuse: re.Pattern[str] | None = None
    weak: re.Pattern[str] | None = None
    patterns: tuple[Pattern, ...] = ()
    id_shape: re.Pattern[str] | None = None
    id_bare: re.Pattern[str] | None = None
    id_keys: frozenset[str] = frozenset()
    app_shape: re.Pattern[str] | None = None
    scope: re.Pattern[str] | None = None
    scope_anywhere: bool = False
    scope_known_only: bool = False
    status_is_code: bool = False
    families: bool = False
    ask_path: re.Pattern[str] | None = None
    ask_keys: tuple[str, ...] = ()
    brands: Mapping[str, str] = field(default_factory=dict)

    def may_be(self, word: str) -> bool:
        """Whether a word has the shape of a textual code of this platform."""
        return (
            self.word is not None and self.word.fullmatch(word) is not None and (self.refuse is None or self.refuse.fullmatch(word) is None)
        )
