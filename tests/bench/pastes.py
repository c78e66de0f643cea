"""What is read while the clock runs: errors, quiet logs, and a zoo of texts that only want to hurt."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

KIB, MIB = 1024, 1024 * 1024

_SERVICES = ("gateway", "sync-worker", "calendar", "search", "mailer", "billing")
_DONE = (
    "GET /v2/items/{n} 200 {ms}ms bytes={b}", "POST /v2/orders 201 {ms}ms bytes={b}", "cache hit key=user:{n} age={ms}s", "job {n} finished in {ms}ms",
    "connected to db-{k} pool={k}", "flushed {b} rows to segment {n}", "heartbeat ok node={k} load=0.{k}", "重新加载配置完成，共 {k} 项", "user {n} opened the page in {ms}ms",
)  # fmt: skip

_WELL = (
    "[gateway] GET /v2/items/{n} 200 {ms}ms request_id={id}", "stats requests={n} errors=0 failed=0 p99={ms}ms", '{{"status":200,"error":null,"code":0,"trace_id":"{id}"}}',
    'feishu POST /open-apis/im/v1/messages 200 {{"code":0,"msg":"success"}} logid=20260301101112{id}', "job {n} finished err=<nil> in {ms}ms", "slack auth.test ok=true req={id}",
)  # fmt: skip


def feishu_error(number: int = 0) -> str:
    """A Feishu error body of 1 KB as the open platform sends it; `number` makes its code's neighbours and its log_id differ."""
    log_id = f"20250612174205A1B2C3D4E5F6{number:08X}"[:34]
    scopes = ["docx:document", "docx:document:readonly", "wiki:wiki", "wiki:wiki:readonly"]
    body = {
        "code": 99991679,
        "msg": "Unauthorized. You do not have permission to perform the requested operation on the resource. Please request user re-authorization and "
        f"try again. required one of these privileges under the user identity: [{', '.join(scopes)}]. 应用尚未获得用户授权，请重新授权后重试。",
        "error": {
            "log_id": log_id,
            "troubleshooter": f"排查建议查看(Troubleshooting suggestions): https://open.feishu.cn/search?from=openapi&log_id={log_id}&code=99991679&method_id=7012345678901234567",
            "permission_violations": [{"type": "action_privilege_required", "subject": scope} for scope in scopes],
        },
    }
    return json.dumps(body, ensure_ascii=False)


def one_error_many_ids(lines: int, seed: int = 1) -> str:
    """A failing batch job's log of 56 characters a line: always the same error, each time with a log_id of its own."""
    dice = random.Random(seed)
    times = (f"20241104{n // 3600 % 24:02}{n // 60 % 60:02}{n % 60:02}" for n in range(lines))
    return "\n".join(f"code=99991672 log_id={time}{dice.getrandbits(80):020X}" for time in times)


def quiet_log(size: int, seed: int = 1) -> str:
    """About `size` characters of a service's log in which nothing goes wrong."""
    dice = random.Random(seed)
    lines: list[str] = []
    length = 0
    while length < size:
        said = dice.choice(_DONE).format(n=dice.randrange(10**6), ms=dice.randrange(900), b=dice.randrange(10**5), k=dice.randrange(1, 9))
        lines.append(
            f"2026-03-{dice.randrange(1, 28):02} {dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02}.{dice.randrange(1000):03} "
            f"INFO [{dice.choice(_SERVICES)}] {said}"
        )
        length += len(lines[-1]) + 1
    return "\n".join(lines)[:size]


def healthy_log(size: int, seed: int = 1) -> str:
    """About `size` characters of a log in which nothing goes wrong and every line speaks of ids, errors and codes all the same."""
    dice = random.Random(seed)
    lines: list[str] = []
    length = 0
    while length < size:
        said = dice.choice(_WELL).format(n=dice.randrange(10**6), ms=dice.randrange(900), id=f"{dice.getrandbits(128):032x}")
        lines.append(
            f"2026-03-{dice.randrange(1, 28):02}T{dice.randrange(24):02}:{dice.randrange(60):02}:07.{dice.randrange(1000):03}Z INFO {said}"
        )
        length += len(lines[-1]) + 1
    return "\n".join(lines)[:size]


def log_with_errors(size: int, errors: int) -> str:
    """About `size` characters of that log with `errors` different Feishu errors spread evenly through it."""
    part = max(1, size // errors - len(feishu_error()) - 40)
    return "\n".join(f"{quiet_log(part, seed)}\n2026-03-14 09:26:53.589 ERROR [sync-worker] {feishu_error(seed)}" for seed in range(errors))


def errors_only(size: int) -> str:
    """`size` characters of nothing but errors, each with a log_id of its own."""
    one = len(feishu_error()) + 1
    return "\n".join(feishu_error(number) for number in range(size // one + 1))[:size]


def _again(text: str) -> Callable[[int], str]:
    return lambda size: (text * (size // len(text) + 1))[:size]


def _noise(alphabet: str) -> Callable[[int], str]:
    return lambda size: "".join(random.Random(5).choices(alphabet, k=size))


def _nested(size: int) -> str:
    text = feishu_error()
    while len(text) * 2 < size:
        text = json.dumps({"message": text})
    return (text + "\n") * (size // len(text))


ZOO: dict[str, Callable[[int], str]] = {
    "a quiet log": quiet_log,
    "a healthy log": healthy_log,
    "errors only": errors_only,
    "errors in a log": lambda size: log_with_errors(size, size // 5_243),
    "errors in errors in errors": _nested,
    "one letter": _again("a"),
    "blanks": _again(" "),
    "line breaks": _again("\n"),
    "digits": _again("7"),
    "numbers": _again("99991679 "),
    "codes": _again('"code":99991679,'),
    "words of capitals": _again('"errno": "uqtAccess' + "F" * 60 + '2",\n'),
    "labels without codes": _again("errcode: "),
    "keys": _again("a="),
    "long keys": _again("a_b-" * 15 + ":"),
    "open braces": _again("{"),
    "open braces with keys": _again('{"error":'),
    "open brackets": _again("["),
    "quotes": _again('"'),
    "backslashes": _again("\\"),
    "backslashes and quotes": _again('\\\\\\"'),
    "escaped letters": _again("\\u5e94"),
    "escaped bytes": _again("\\xe6\\x9d\\x83"),
    "percent signs": _again("%22%3A"),
    "entities": _again("&amp;lt;"),
    "terminal colours": _again("\x1b[31m"),
    "terminal links": _again("\x1b]8;;https://x.example/\x1b\\"),
    "web addresses": _again("https://open.feishu.cn/search?code=99991679&log_id=2&"),
    "addresses in addresses": _again("https%3A%2F%2Fopen.feishu.cn%2F"),
    "log ids": _again("log_id=20250612174205A1B2C3D4E5F60718293A "),
    "scopes": _again("docx:document:readonly, "),
    "scopes that are needed": _again("required one of these privileges: [drive:drive, "),
    "tokens": _again("u-eyJhbGciOiJIUzI1NiJ9abcdef0123456789 "),
    "half tokens": _again("eyJ.u-t-xoxb-"),
    "bearers": _again("Authorization: Bearer "),
    "nested secrets": _again("token=password=secret="),
    "private keys without an end": _again("-----BEGIN PRIVATE KEY-----"),
    "mail addresses": _again("a@b."),
    "tables": _again("| 99991679 | no permission |\n"),
    "boxes": _again("│ error │\n"),
    "wrapped lines": _again('"' + "x" * 79 + "\n"),
    "source code": _again('if (err.code === 99991679) { throw new Error("no permission"); }\n'),
    "tracebacks": _again('Traceback (most recent call last):\n  File "a.py", line 1, in b\nlark.Error: code: 99991672, msg: denied\n'),
    "Chinese": _again("没有权限，错误码："),
    "percent-encoded JSON": _again("%7B%22code%22%3A"),
    "tags of a page": _again("<div <span </p> &#28450;"),
    "maps of codes": _again("codes:\n  1254045: FieldNameNotFound\n"),
    "versions": _again("## 1.2.3.4.5.6"),
    "wide signs": _again("：｛＂ｃｏｄｅ＂：９９９９１６７９｝"),
    "control characters": _again("\x00\x07\x1b\x9b\u202e\u200b"),
    "lone surrogates": _again("\ud83d"),
    "emoji": _again("👩‍👩‍👧"),
    "letters at random": _noise("abcdefghijklmnopqrstuvwxyz ERROR:=\"'{}[],.\n0123456789"),
    "signs at random": _noise("\\\"'`{}[]()<>|&%$#@!*~^:=/-_.,; \n\x1b"),
    "everything at random": _noise("".join(map(chr, range(0x2FF))) + "权限错误码失败"),
}
"""Names of hostile texts, and what makes one of a given size."""
