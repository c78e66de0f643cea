"""Kinds of secrets, each in many spellings: names with any prefix, any sign, any quotes, escaped, coloured, in English and Chinese.

And what must not be masked: an error's own codes, ids, scopes, documents, versions, paths.
"""

from __future__ import annotations

import html
import itertools
import json
import random
import string
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from bot.explain import explain
from bot.redact import redact

DICE = random.Random(6)
LETTERS = string.ascii_letters + string.digits

PREFIXES = ("", "user_", "my_", "is_", "no_", "max_", "node_auth_", "USER_", "APP_", "x-", "db.", "$env:", "tenant_", "old", "dingtalk")
NAMES = (
    "password",
    "secret",
    "access_token",
    "api_key",
    "AppSecret",
    "passwd",
    "client_secret",
    "refreshToken",
    "private_key",
    "encrypt_key",
)
SIGNS = ("=", ": ", " = ", ":=", " := ", "==", " == ", "=>", " => ", "：", "＝", " -> ", ":")
QUOTES = ("{}", '"{}"', "'{}'", "`{}`", "“{}”", "‘{}’")
CHINESE = ("密码", "密碼", "秘钥", "私钥", "凭证", "凭据", "金鑰", "密钥", "口令", "令牌", "登录密码", "应用密钥", "数据库密码")
CHINESE_SIGNS = (
    "：{}",
    ": {}",
    "是：{}",
    "为{}",
    "（生产）：{}",
    "(测试): {}",
    " {}",
    "=“{}”",
    "如下：{}",
    "「{}」",
    "->{}",
    "：\n{}",
    "：`{}`",
    "：**{}**",
)
DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda text: json.dumps({"body": json.dumps({"detail": text})}),
    "URL": lambda text: "https://h.example/?q=" + quote(text, safe=""),
    "HTML": html.escape,
    "unicode escapes": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "colours": lambda text: f"\x1b[1;31m{text}\x1b[0m",
    "zero width": "\u200b".join,
    "full width": lambda text: "".join(chr(ord(sign) + 0xFEE0) if sign in '=:"(){}[]' else sign for sign in text),
}
LINES = (
    "curl -u admin:{} https://h.example/x", "curl --user 'svc:{}' https://h.example", "sshpass -p {} ssh root@h", "Authorization: ApiKey {}", "Authorization: HMAC-SHA256 {}",
    'Authorization: Digest username="u", response="{}"', "lark.Client('cli_a5ca35a685b0x26e', '{}')", "builder.app_secret('{}').build()", 'Credential(client_id, "{}")', '{{"name": "api_token", "value": "{}"}}',
    '{{"key": "password", "value": "{}", "type": "text"}}', '<add key="ApiKey" value="{}"/>', "<password>{}</password>", "| app_secret | {} |", "postgres://svc:p@{}@db.internal:5432/x", "mysql://root:{}@db/x",
    "git clone https://{}@h.example/r", "Cookie: theme=dark; sid={}", "wss://h.example/x?ticket={}", "-H 'X-Api-Key: {}'", "{{:app_secret=>\"{}\"}}", "identified by '{}'", "Sec-WebSocket-Protocol: bearer, {}",
)  # fmt: skip
KEPT = (
    "refresh token: AADSTS7000215: Invalid client secret provided", "get token: 99991663", "ERROR retrieving token: AADSTS50011: The reply address", "token: missing_scope", "password: ORA-01017: invalid username",
    '"app_token":"{doc}"', '"obj_token":"{doc}"', '"page_token": "{doc}"', "AccessKeyId: LTAI5tXk2", "pwd: /home/app", "node-sdk@1.24.0", "log_id: {log}", "request_id={uuid}", "scope: docx:document:readonly drive:drive",
    "app_id=cli_{hex}", '{{"open_id": "ou_{hex}{hex}"}}', "trace {uuid} failed", '"tenant_key": "{hex}"', "total_tokens=1234", "password must be at least 8 characters", "token expired", "密码错误", "令牌无效或已过期，请重新授权",
    "order {digits}", '"requestid":"{uuid}"', "https://team.feishu.cn/docx/{doc}", "etag: {hex}{hex}", "chat oc_{hex}{hex}", "code=99991672&msg=x", "ts 1730712345.678909", "secretName: feishu-app-credentials",
)  # fmt: skip


def made_up(size: int = 24) -> str:
    """A secret as machines make them."""
    while True:
        made = "".join(DICE.choices(LETTERS, k=size))
        if sum(sign.isdigit() for sign in made) > 2 and made[0].isalpha():
            return made


def told(secret: str, text: str) -> bool:
    """Whether eight characters of a secret can be read, whatever is between them."""
    plain = "".join(sign for sign in text if sign.isalnum() and sign.isascii())
    return any(secret[at : at + 8] in plain for at in range(len(secret) - 7))


def assigned() -> Iterator[str]:
    """Each name with each sign; prefixes and quotes in turn."""
    shapes = itertools.cycle(itertools.product(PREFIXES, QUOTES))
    for name, sign in itertools.product(NAMES, SIGNS):
        for prefix, quotes in itertools.islice(shapes, 7):
            yield f"{prefix}{name}{sign}{quotes}"


@pytest.mark.parametrize("disguise", DISGUISES)
def test_named_fields_vanish_in_every_spelling(disguise: str) -> None:
    """Prefix, name, sign, quotes and what hides them from a search."""
    missed = []
    for shape in assigned():
        secret = made_up()
        text = f"call failed {DISGUISES[disguise](shape.format(secret))} log_id 2024110416232661C50BC902DF30E6C183"
        shown = redact(text).text
        if told(secret, shown) or secret in explain(shown).redaction.text or "2024110416232661C50BC902DF30E6C183" not in shown:
            missed.append((text, shown))
    assert missed == []


def test_chinese_labels() -> None:
    """Each label with each way to go on."""
    pairs = [(label + sign, made_up()) for label, sign in itertools.product(CHINESE, CHINESE_SIGNS)]
    texts = [(f"报错了，{shape.format(secret)}，请处理", secret) for shape, secret in pairs]

    assert [text for text, secret in texts if told(secret, redact(text).text)] == []


@pytest.mark.parametrize("shape", LINES)
@pytest.mark.parametrize("disguise", ["as it is", "JSON", "JSON in JSON", "colours"])
def test_lines_of_tools_and_libraries(shape: str, disguise: str) -> None:
    """Commands, headers, SDK calls, markup, connection strings: the secret goes, what stands behind it stays."""
    for secret in (made_up(20), made_up(32), made_up(40)):
        text = f"{DISGUISES[disguise](shape.format(secret))} code 99991672"
        shown = redact(text).text
        assert not told(secret, shown), (text, shown)
        assert "99991672" in shown


@pytest.mark.parametrize("shape", KEPT)
@pytest.mark.parametrize("disguise", ["as it is", "JSON", "JSON in JSON", "HTML"])
def test_what_helps_stays(shape: str, disguise: str) -> None:
    """Codes, ids, scopes, documents, versions, paths and sentences, alone and escaped."""
    for _ in range(20):
        parts = {
            "doc": made_up(27),
            "log": "20241104162326" + "".join(DICE.choices("0123456789ABCDEF", k=20)),
            "hex": "".join(DICE.choices("0123456789abcdef", k=16)),
            "uuid": "-".join("".join(DICE.choices("0123456789abcdef", k=size)) for size in (8, 4, 4, 4, 12)),
            "digits": "".join(DICE.choices(string.digits, k=20)),
        }
        text = DISGUISES[disguise](shape.format(**parts))
        assert redact(text).text == text
