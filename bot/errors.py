"""One family of exceptions. Each has a stable `code` (for logs, metrics and callers that decide by it), whose move it is (`blame`), and, where a
person hears of it, a `sentence` in both languages. The rooms keep their own members: `PlatformRefusal` in `bot/oauth/messages.py`, `NoToken` in
`handlers/tokens.py`, and so on.

`blame`: `app` (wrong secret or configuration of an app), `user` (declined), `code`, `token` (one-time values that are over), `platform` (down, or
nonsense), `rate` (too fast), `caller` (whoever sent this request), `operator` (whoever runs the bot).
"""

from __future__ import annotations

from typing import Literal

from bot.model import Text

Blame = Literal["app", "user", "code", "token", "platform", "rate", "caller", "operator"]


_NO = Text("This request is refused.", "该请求被拒绝。")


class BotError(Exception):
    """Something was refused or cannot be done. `detail` is for the log; it never holds a secret."""

    def __init__(self, code: str, sentence: Text | None = None, *, blame: Blame, detail: str = "") -> None:
        super().__init__(f"{code} {detail}".strip())
        self.code = code
        self.sentence = sentence
        self.blame: Blame = blame


class Refused(BotError):  # noqa: N818 (an answer, not a failure)
    """We say no to a request, and nothing has changed. The sentence tells whoever sent it why and what to do; strangers learn no more than that."""

    sentence: Text

    def __init__(self, code: str, sentence: Text = _NO) -> None:
        super().__init__(code, sentence, blame="caller")


class OperatorError(BotError):
    """Whoever runs the bot has to do something; the sentence says what, in English, as one line of a terminal or a log."""

    code = "operator"

    def __init__(self, sentence: str) -> None:
        super().__init__(type(self).code, blame="operator")
        self.args = (sentence,)
