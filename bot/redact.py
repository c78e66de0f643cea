"""Mask secrets: the first code that touches inbound text.

What a platform's support needs stays readable: error codes (also `"code":99991672`), log ids, app ids, scopes. What opens a door goes:
tokens by their shape, and values by the name of their key. The shape of the text (JSON, repr, query, YAML, header) is kept, and the kind
of a token stays visible (`u-***`, `xoxb-***`), because it tells as whom a call was made.

Masking twice changes nothing more. Every pattern is bounded or starts only where a word starts, so time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from bot.model import Redaction

MASK: Final = "***"

_EDGE = r"(?<![A-Za-z0-9_-])"
_REST = r"[A-Za-z0-9_-]"
# kind, a literal that must be in the lower-case text, the shape; group 1 stays.
_SHAPES: Final[tuple[tuple[str, str, re.Pattern[str]], ...]] = (
    ("jwt", "eyj", re.compile(rf"{_EDGE}(eyJ){_REST}{{8,8000}}\.{_REST}{{2,8000}}(?:\.{_REST}{{0,8000}}){{0,3}}")),
    ("slack_token", "xox", re.compile(rf"{_EDGE}((?:xoxe\.)?xox[a-z]-)[A-Za-z0-9%-]{{8,800}}")),
    ("slack_app_token", "xapp-", re.compile(rf"{_EDGE}(xapp-)[A-Za-z0-9-]{{8,800}}")),
    ("slack_webhook", "hooks.slack", re.compile(r"(hooks\.slack(?:-gov)?\.com/)(?:services|workflows|triggers|commands|app)/[A-Za-z0-9/_-]{6,400}")),
    ("lark_webhook", "/hook/", re.compile(r"(/open-apis/bot/(?:v2/)?hook/)[A-Za-z0-9-]{12,100}")),
    ("dingtalk_secret", "sec", re.compile(rf"{_EDGE}(SEC)[0-9a-f]{{40,80}}(?![0-9a-zA-Z])")),
    ("github_token", "gh", re.compile(rf"{_EDGE}(gh[pousr]_)[A-Za-z0-9]{{16,300}}")),
    ("github_token", "github_pat_", re.compile(rf"{_EDGE}(github_pat_)[A-Za-z0-9_]{{16,300}}")),
    ("google_token", "ya29.", re.compile(rf"{_EDGE}(ya29\.)[A-Za-z0-9_.-]{{8,2000}}")),
    ("google_key", "aiza", re.compile(rf"{_EDGE}(AIza)[A-Za-z0-9_-]{{30,60}}")),
    ("google_secret", "gocspx-", re.compile(rf"{_EDGE}(GOCSPX-)[A-Za-z0-9_-]{{16,60}}")),
    ("google_refresh_token", "1//", re.compile(r"(?<![A-Za-z0-9_/-])(1//0)[A-Za-z0-9_-]{20,300}")),
    ("microsoft_secret", "8q~", re.compile(rf"{_EDGE}([A-Za-z0-9_.~-]{{3}}8Q~)[A-Za-z0-9_.~-]{{30,40}}")),
    ("aws_key", "akia", re.compile(rf"{_EDGE}(AKIA)[0-9A-Z]{{16}}(?![0-9A-Z])")),
    ("url_password", "@", re.compile(r"(://[^\s:/@\"'<>]{1,100}:)[^\s/@\"'<>]{1,200}(?=@)")),
)  # fmt: skip
_LARK: Final = re.compile(rf"{_EDGE}(ur-|[utac]-)([A-Za-z0-9_.-]{{16,4000}})")
_LARK_SEEN: Final = re.compile(r"-(?<=[utacr]-)[A-Za-z0-9_.-]{16}")  # quickly seen; nothing else can be one of these
_LARK_KINDS: Final = {
    "u-": "lark_user_token",
    "t-": "lark_tenant_token",
    "a-": "lark_app_token",
    "ur-": "lark_refresh_token",
    "c-": "lark_card_token",
}
_PHONE: Final = re.compile(r"(?<![0-9A-Za-z_.+-])(?:\+?86[ -]?)?(1[3-9])\d{9}(?![0-9A-Za-z_.-])")
_ELEVEN: Final = re.compile(r"1[3-9]\d{9}")  # quickly seen; nothing else can be a phone number
_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+*@-])[A-Za-z0-9._%+-]{1,64}(@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4})(?![A-Za-z0-9@])"
)

_QUOTE = r"(?:\\{0,16}[\"'`]|%22|&quot;|&#34;)"
# Patterns begin with a letter where they can, and look behind it afterwards: then the engine skips all other places by itself.
# A name and its sign of assignment; then a value, quoted (spaces allowed) or bare. Two patterns, because the value of a harmless name
# may itself hold secrets: `url=https://…?access_token=…`.
_NAMED: Final = re.compile(
    rf"([A-Za-z_](?:(?<![A-Za-z0-9_.-].)|(?<=%[0-9A-Fa-f][0-9A-Fa-f].))[A-Za-z0-9_.-]{{0,63}})(?=[\\\"'`%&\]) \t=:：-])((?:{_QUOTE})?[\])]?[ \t]{{0,8}}(?:=>|[:=：]|%3[dDaA]|->)[ \t]{{0,8}}(?:\n[ \t]{{1,24}})?)"
)
_VALUE: Final = re.compile(
    rf"([ub]?{_QUOTE})((?:(?!%22|&quot;|&#34;)[^\"'`\\\r\n]){{1,8000}})|((?:(?!%26|%22|&quot;|&#34;)[^\s\"'`,;&<>(){{}}\[\]\\|，；。])"
    + r"{1,8000})"
)
_BARE: Final = re.compile(r"[^\s\"'`,;&<>(){}\[\]\\|，；。]*")
_QUOTED: Final = re.compile(r"[^\"'`\\\r\n]*")
_FLAG: Final = re.compile(r"(-(?<![A-Za-z0-9_-]-)-?[A-Za-z][A-Za-z0-9-]{1,40})([ \t]{1,4}[\"']?)([^\s\"'-][^\s\"']{3,2000})")
# A name in one cell of a table or element of a page, its value in the next.
_CELL: Final = re.compile(
    r"([A-Za-z_](?<![A-Za-z0-9_.-].)[A-Za-z0-9_.-]{2,40})([*`]{0,3}[ \t]{0,40}(?:\||(?:[:=：][ \t]{0,4})?(?:</?[a-z]\w{0,10}(?: [^<>]{0,200})?>\s{0,8}){1,4})[ \t]{0,40}[*`]{0,3})([^\s|<>*`]{8,4000})"
)
_CHINESE: Final = re.compile(
    r"(密码|密钥|口令|令牌|验证码|授权码|签名)([\"'`]?[ \t]{0,4}(?:[:=：]|为|是)[ \t]{0,4}[\"'`]?)([A-Za-z0-9_~!@#$%^*+/=.-]{6,2000})"
)
_AUTHORIZATION: Final = re.compile(
    rf"(?i)((?-i:[Aa])uthorization(?:{_QUOTE})?\]?[ \t]{{0,4}}(?:=>|[:=：,]|%3[aA])[ \t]{{0,4}}(?:[ub]?{_QUOTE})?)((?:bearer|basic|digest|token|bot|qqbot)(?:[ \t]{{1,4}}|%20|\+))?([A-Za-z0-9._~+/=%-]{{6,8000}})"
)
_SCHEMES: Final = frozenset({"bearer", "basic", "digest", "token", "bot", "qqbot", "header", "failed"})
_BEARER: Final = re.compile(r"(?i)((?-i:[Bb])(?<![A-Za-z0-9_].)earer(?:[ \t]{1,4}|%20))([A-Za-z0-9._~+/=-]{8,8000})")
_COOKIE: Final = re.compile(
    rf"(?i)(?<![A-Za-z0-9])((?:set-)?cookie(?:{_QUOTE})?\]?[ \t]{{0,4}}(?:=>|[:=：])[ \t]{{0,4}})((?:\[[ \t]{{0,4}})?[ub]?{_QUOTE})?([^\r\n\"'`\\]{{1,8000}})"
)
_BEGIN, _END = "-----BEGIN ", "-----END "

_LEAD: Final = re.compile(r"(?:u|t|a|c|ur|xox[a-z]|xapp|ghp|gho|ghs|ghu|ghr|SEC|ya29)[-._]$")
_PLACEHOLDER: Final = re.compile(
    r"(?i)x{3,}|\*{2,}|\.{3}|…|<|>|\$\{?|\{\{|your|example|placeholder|dummy|fake|sample|redacted|masked|changeme|忽略|示例|process\.env|os\.environ|(?:^|[^a-z])test|_here\b"
)
_SEQUENCE: Final = re.compile(r"(?i)01234567|12345678|abcdefgh|0{8}|1{8}|a{8}")
_SAFE_VALUE: Final = re.compile(
    r"(?i)[*.…-]+|null|nil|none|undefined|true|false|yes|no|missing|invalid|expired|required|error|unknown|string|str|int|object|array|optional|empty|n/a|.{0,60}\*{3,}|\$.*|<.*|\{.*|%s|%v|\[.*|process\.env.*|os\.environ.*|env[:.].*|self\..*"
)
_PLAIN_WORD: Final = re.compile(r"[A-Za-z]+(?:[-_.][A-Za-z]+){0,6}[.:!?]?")
_CAMEL: Final = re.compile(r"[a-zA-Z][a-z]+(?:[A-Z][a-z]+){1,6}")
_ERROR_WORD: Final = re.compile(
    r"[A-Za-z][A-Za-z]*(?:[._ -][A-Za-z]+){0,8}|[A-Z]{1,8}_?\d{1,8}|-?\d{1,10}"
    r"|(?:[A-Z][a-z]+_?){2,8}[A-Z]\d(?:[A-Z][a-z]*_?){0,6}"  # `…TenantOrB2CTenant`
)

_SECRET_PARTS: Final = (
    "secret", "token", "password", "passwd", "passphrase", "pwd", "privatekey", "apikey", "accesskey", "secretkey", "credential", "authorization", "cookie", "signature",
    "encryptkey", "aeskey", "assertion", "webhookkey", "sessionkey", "sessionid", "jwt",
)  # fmt: skip
_SECRET_NAMES: Final = frozenset({
    "sign", "sig", "session", "ticket", "suiteticket", "jsapiticket", "authcode", "tmpauthcode", "permanentcode", "devicecode", "usercode", "codeverifier", "deviceticket", "key",
    "preauthcode", "authorizationcode", "sessdata", "sid", "auth", "otp", "pin", "echostr", "componentticket", "ssocode", "oauthcode", "launchcode", "verificationcode",
})  # fmt: skip
# Names that hold "token" or "secret" and open nothing: kinds, times, counts, pages, documents.
_OPEN_NAMES: Final = re.compile(
    r".*(?:tokentype|tokenprefix|tokenexpir\w*|tokenurl|tokenurI|tokenendpoint|tokens|tokencount|tokenid|tokenttl|tokencache\w*|tokenlimit|secretname|secretid|tokeninvalid|tokenexpired|tokenstatus|tokenmode|tokensource)"
    r"|(?:page|nextpage|sync|next|continuation|doc|docx|document|file|folder|node|obj|object|space|wiki|sheet|spreadsheet|base|bitable|parent|parentnode|origin|root|media|image|file_?)token"
    r"|has\w*|is\w*|no\w*|need\w*|disable\w*|enable\w*|use\w*|max\w*|missing\w*|invalid\w*|total\w*|prompt\w*|completion\w*|get\w*|fetch\w*|refreshaccesstoken|\w*tokenerror|\w*(?:key|token|secret)(?:error|exception)"
)
_PERCENT_END: Final = re.compile(r"(?i)(?:%(?:2c|7d|5d|20|0a))+$")  # the comma or bracket behind a value
_LONGEST: Final = 8000
_MOST_NESTED: Final = 20
_NOT_LIVE: Final = frozenset({"sign", "code", "cookie", "email", "phone", "lark_card_token"})


class _Masker:
    """Remembers what was masked in one text."""

    __slots__ = ("kinds", "live")

    def __init__(self) -> None:
        self.kinds: dict[str, None] = {}
        self.live = False

    def note(self, kind: str, value: str) -> None:
        self.kinds[kind] = None
        if kind not in _NOT_LIVE and not self.live:
            self.live = looks_live(value)


def looks_live(value: str) -> bool:
    """Whether a secret could be a real one: long and mixed enough, and no placeholder such as `xoxb-xxx` or `u-****`."""
    if len(value) < 10 or _PLACEHOLDER.search(value[:400]) or _SEQUENCE.search(value[:400]):
        return False
    letters = set(value.lower()) - set("-_.=/+ ")
    return len(letters) >= 6


def redact(text: str) -> Redaction:
    """The text with every secret masked; which kinds were masked; whether one of them looked usable."""
    masker = _Masker()
    lower = text.lower()
    if _BEGIN in text and "PRIVATE KEY" in text:
        text = _private_keys(text, masker)
    for kind, trigger, shape in _SHAPES:
        if trigger in lower:
            text = shape.sub(_shaped(kind, masker), text)
    if _LARK_SEEN.search(text):
        text = _LARK.sub(lambda found: _lark(found, masker), text)
    text = _assignments(_headers(text, lower, masker), masker)
    if "|" in text or "</" in text:
        text = _CELL.sub(lambda found: _cell(found, masker), text)
    if "-" in text:
        text = _FLAG.sub(lambda found: _flag(found, masker), text)
    if not text.isascii():
        text = _CHINESE.sub(lambda found: _chinese(found, masker), text)
    if _ELEVEN.search(text):
        text = _PHONE.sub(lambda found: _personal(found, "phone", f"{found[1]}{MASK}", masker), text)
    if "@" in text:
        text = _EMAIL.sub(lambda found: _personal(found, "email", f"{MASK}{found[1]}", masker), text)
    return Redaction(text, tuple(masker.kinds), masker.live)


def _headers(text: str, lower: str, masker: _Masker) -> str:
    if "authorization" in lower:
        text = _AUTHORIZATION.sub(lambda found: _header(found, masker), text)
    if "bearer" in lower:
        text = _BEARER.sub(lambda found: _bearer(found, masker), text)
    if "cookie" in lower:
        text = _COOKIE.sub(lambda found: _cookie(found, masker), text)
    return text


# ---------------------------------------------------------------- by shape


def _private_keys(text: str, masker: _Masker) -> str:
    parts: list[str] = []
    at = 0
    while (begin := text.find(_BEGIN, at)) >= 0:
        head = text.find("-----", begin + len(_BEGIN), begin + len(_BEGIN) + 60)
        if head < 0 or "PRIVATE KEY" not in text[begin:head]:
            parts.append(text[at : begin + len(_BEGIN)])
            at = begin + len(_BEGIN)
            continue
        body = head + 5
        if text.startswith(MASK, body):
            parts.append(text[at:body])
            at = body
            continue
        end = text.find(_END, body, body + 20_000)
        if end < 0:
            end = body
            while end < len(text) and ((text[end].isascii() and text[end].isalnum()) or text[end] in "+/=\r\n\\ \t"):
                end += 1
        if text[body:end].strip() != MASK:
            masker.note("private_key", text[body:end])
        parts.append(text[at:body] + MASK)
        at = end
    parts.append(text[at:])
    return "".join(parts)


def _shaped(kind: str, masker: _Masker) -> Callable[[re.Match[str]], str]:
    def mask(found: re.Match[str]) -> str:
        rest = found[0][len(found[1]) :]
        if rest.endswith(MASK):
            return found[0]
        masker.note(kind, rest)
        return found[1] + MASK

    return mask


def _lark(found: re.Match[str], masker: _Masker) -> str:
    lead, rest = found[1], found[2]
    if not any(sign.isdigit() for sign in rest) and not _PLACEHOLDER.search(rest):
        return found[0]  # words with hyphens
    if lead == "c-" and not re.fullmatch(r"[0-9a-f]{16,}", rest):
        return found[0]
    masker.note(_LARK_KINDS[lead], rest)
    return lead + MASK


# ---------------------------------------------------------------- by name


def _name(key: str) -> str:
    return key.replace("_", "").replace("-", "").replace(".", "").lower()


@lru_cache(maxsize=4096)
def _kind(key: str) -> str | None:
    """What the value of a key is, when it is a secret."""
    name = _name(key)
    if name == "code":
        return "code"
    if name in _SECRET_NAMES:
        return (
            "sign"
            if name in ("sign", "sig")
            else "code"
            if name.endswith("code")
            else "ticket"
            if name.endswith("ticket")
            else "session"
            if name.startswith("sess")
            else "secret"
        )
    for part in _SECRET_PARTS:
        if part in name:
            if _OPEN_NAMES.fullmatch(name):
                return None
            return {
                "token": "token",
                "signature": "sign",
                "cookie": "cookie",
                "pwd": "password",
                "passwd": "password",
                "passphrase": "password",
                "password": "password",
            }.get(part, "secret")
    return None


def _assignments(text: str, masker: _Masker) -> str:
    parts: list[str] = []
    at = nested = run = 0
    for named in _NAMED.finditer(text):
        kind = _kind(named[1])
        if kind is None or named.start() < at:
            continue
        found = _VALUE.match(text, named.end())
        if found is None:
            continue
        # `code=code=code=…`: each value holds all that follow. Only so many are looked into, the rest is masked unread: time stays linear.
        nested = nested + 1 if found[3] is not None and named.end() < run else 0
        run = max(run, found.end())
        if nested <= _MOST_NESTED and not _is_secret(kind, named, found):
            continue
        value = found[2] if found[2] is not None else found[3]
        masker.note(kind, value)
        start = found.start(2) if found[2] is not None else found.start(3)
        parts.append(f"{text[at:start]}{_kept(value)}{MASK}")
        at = found.end()
        if nested > _MOST_NESTED or len(value) >= _LONGEST:
            more = (_BARE if found[2] is None else _QUOTED).match(text, at)  # a value longer than any secret goes as a whole
            at = more.end() if more else at
    parts.append(text[at:])
    return "".join(parts)


def _kept(value: str) -> str:
    """The lead of a token that tells its kind, such as `u-`."""
    lead = _LEAD.match(value[: value.find("-") + 1]) if "-" in value[:6] else None
    return lead[0] if lead else ""


def _is_secret(kind: str, named: re.Match[str], found: re.Match[str]) -> bool:
    key, sign = named.groups()
    quoted, bare = found[2], found[3]
    value = (quoted if quoted is not None else bare).strip()
    if "%3" in sign:
        value = _PERCENT_END.sub("", value)
    text = named.string
    name = _name(key)
    if _SAFE_VALUE.fullmatch(value) or (
        bare is not None and (text[found.end() : found.end() + 1] in ("(", "[", "{") or value.endswith("("))
    ):
        return False  # a placeholder; a call or an index: source code
    if kind == "code" and name == "code":
        return _is_grant(value, text[named.start() - 1 : named.start()] in ("?", "&", "#") and "=" in sign)
    if name in ("key", "auth", "pin", "session", "sid") and ("=" not in sign or len(value) < 8 or " " in value):
        return False
    wordy = _PLAIN_WORD.fullmatch(value) and len(value) < (16 if value.isalpha() and not _CAMEL.fullmatch(value) else 40)
    in_a_sentence = bare is not None and not (sign == "=" or "%3" in sign) and wordy  # `token: must start with …`, `token = load`
    quoted_sentence = quoted is not None and " " in value and kind not in ("password", "cookie")
    return not in_a_sentence and not quoted_sentence and not (value.isdigit() and len(value) < 6)


def _is_grant(value: str, in_query: bool) -> bool:
    """Whether the value of `code` is an authorization code, and not an error code, a word or a number."""
    value = value.strip()
    if _ERROR_WORD.fullmatch(value) and len(value) < 80:
        return in_query and len(value) > 24 and not any(sign in value for sign in "._- ")
    if " " in value or not value.isascii():
        return False
    return in_query or (
        len(value) >= 8
        and any(sign.isdigit() for sign in value)
        and any(sign.isalpha() for sign in value)
        and value[:6].upper() != "AADSTS"
    )


def _header(found: re.Match[str], masker: _Masker) -> str:
    lead, scheme, value = found.groups()
    if (
        _SAFE_VALUE.fullmatch(value)
        or value.lower().removesuffix("%20").rstrip("+") in _SCHEMES  # what is left of a header whose value was masked
        or (scheme is None and (_PLAIN_WORD.fullmatch(value) and len(value) < 24))
    ):
        return found[0]
    masker.note(
        "bearer"
        if scheme and scheme.lower().startswith("bearer")
        else "basic"
        if scheme and scheme.lower().startswith("basic")
        else "authorization",
        value,
    )
    return f"{lead}{scheme or ''}{_kept(value)}{MASK}"


def _bearer(found: re.Match[str], masker: _Masker) -> str:
    value = found[2]
    if (value.endswith("=") and value[:-1].isalpha()) or (_PLAIN_WORD.fullmatch(value) and len(value) < 24) or _SAFE_VALUE.fullmatch(value):
        return found[0]
    masker.note("bearer", value)
    return found[1] + MASK


def _cookie(found: re.Match[str], masker: _Masker) -> str:
    value = found[3]
    if "=" not in value or value.strip().endswith(MASK):
        return found[0]
    masker.note("cookie", value)
    return f"{found[1]}{found[2] or ''}{MASK}"


def _flag(found: re.Match[str], masker: _Masker) -> str:
    kind = _kind(found[1].lstrip("-"))
    if kind is None or kind == "code" or _SAFE_VALUE.fullmatch(found[3]) or found[1] in ("-key", "-sign"):
        return found[0]
    masker.note(kind, found[3])
    return f"{found[1]}{found[2]}{MASK}"


def _cell(found: re.Match[str], masker: _Masker) -> str:
    name, between, value = found.groups()
    kind = _kind(name)
    if kind is None or _SAFE_VALUE.fullmatch(value) or _PLAIN_WORD.fullmatch(value) or (kind == "code" and not _is_grant(value, False)):
        return found[0]
    masker.note(kind, value)
    return f"{name}{between}{_kept(value)}{MASK}"


def _chinese(found: re.Match[str], masker: _Masker) -> str:
    if _SAFE_VALUE.fullmatch(found[3]) or _PLAIN_WORD.fullmatch(found[3]):
        return found[0]
    masker.note("password" if found[1] in ("密码", "口令") else "secret", found[3])
    return f"{found[1]}{found[2]}{MASK}"


def _personal(found: re.Match[str], kind: str, masked: str, masker: _Masker) -> str:
    masker.note(kind, found[0])
    return masked
