"""Where to look: one cheap scan for anchors, and the windows of text around them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.patterns import lazy

# Up to here a text is read whole: a scan would save nothing.
SMALL = 8_192
_REACH = 1_600
_LARGEST = 32_768

# Words without which no platform's error is told. Together with every platform's clue wordings they are the anchors.
WORDS = (
    "error", "err_", "errcode", "errno", "exception", "fail", "denied", "forbidden", "unauthorized", "permission", "missing_scope", "invalid",
    "expired", "not_", "ratelimit", "rate limit", "frequency", "troubleshoot", "insufficient", "aadsts", "subcode", "sub_code", "error_msg",
    "access_denied", "9999", "1000040", "/auth?q=", "scope-apply", "too many", "\\u5e94",
    "错误", "报错", "失败", "异常", "权限", "无权", "限流", "过期", "不合法", "日志", "鉴权", "未授权",
)  # fmt: skip

# Said of what did not happen: `errors=0`, `error: null`, `err=<nil>`. Looked for behind an anchor.
_NOTHING = lazy(r"""[a-z_]{0,12}\\?["']?\s?[:=]\s?\\?["']?(?:0\b(?![.x])|null|nil\b|none\b|<nil>|""|''|false)""")

# A code in an answer's own shape needs no word of refusal beside it: `"code":1254030`, `errcode=40014`, `"ok":false`. Lower case.
_SHAPE = lazy(r"""code\\?["']?\s?[:=]\s?\\?["']?[1-9][0-9]{2,9}\b|ok\\?["']?\s?[:=]\s?false""")


def anchored(lower: str, anchors: Iterable[str]) -> list[tuple[int, int]]:
    """Windows of a (lower-case) text around every anchor, merged, in order. Empty when nothing in the text can be an error.

    Each anchor is searched for from the end of its own last context on, so that the work stays linear however often it stands there.
    """
    found = [place for anchor in anchors for place in _around(lower, anchor)]
    found += _around(lower, _SHAPE)
    found.sort()
    merged: list[tuple[int, int]] = []
    for start, end in found:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return [piece for start, end in merged for piece in _pieces(lower, start, end)]


def _around(lower: str, anchor: str | re.Pattern[str]) -> Iterator[tuple[int, int]]:
    def place(start: int) -> int:
        if isinstance(anchor, str):
            return lower.find(anchor, start)
        match = anchor.search(lower, start)
        return match.start() if match else -1

    at, size = place(0), len(lower)
    while at >= 0:
        if isinstance(anchor, str) and _NOTHING.match(lower, at + len(anchor)):
            at = place(at + 1)
            continue
        start = lower.rfind("\n", max(0, at - 2 * _REACH), max(0, at - _REACH)) + 1 or max(0, at - _REACH)
        end = lower.find("\n", at + _REACH, at + 2 * _REACH)
        end = end if end >= 0 else min(size, at + 2 * _REACH)
        yield start, end
        at = place(max(end - _REACH, at + 1))


def _pieces(text: str, start: int, end: int) -> list[tuple[int, int]]:
    pieces = []
    while end - start > _LARGEST:
        cut = text.rfind("\n", start + _LARGEST // 2, start + _LARGEST) + 1 or start + _LARGEST
        pieces.append((start, cut))
        start = cut
    pieces.append((start, end))
    return pieces


def line_of(text: str, at: int) -> tuple[int, int]:
    """Start and end of the line around `at`, never more than 400 characters to either side."""
    start = text.rfind("\n", max(0, at - 400), at) + 1
    end = text.find("\n", at, at + 400)
    return max(start, at - 400), end if end >= 0 else min(len(text), at + 400)
