"""What the empty chat page offers to try: the refusals that people meet most, as they look in the wild."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bot.i18n import say
from bot.model import Text


@dataclass(frozen=True, slots=True)
class Example:
    """A paste to try. `practice` ones only make sense with the practice platform behind the page."""

    title: Text
    hint: Text
    file: str
    practice: bool = False

    @property
    def text(self) -> str:
        """The paste itself."""
        return files("templates").joinpath("web", "examples", self.file).read_text("utf-8").strip()


@cache
def _all() -> tuple[Example, ...]:
    return (
        Example(say("Feishu 99991679"), say("The user has not granted the scope"), "feishu-99991679.json"),
        Example(say("DingTalk: no permission for this API"), say("Which scope, and who has to grant it"), "dingtalk-permission.json"),
        Example(say("Lark app inside the client"), say("Ask with requestAccess for what is missing"), "lark-in-client.json"),
        Example(say("May I edit this document?"), say("Asks members/auth as the app"), "document.txt", practice=True),
        Example(say("Kuaishou: no scope in the token"), say("Why an old token never gains a pack"), "kuaishou-scope.txt"),
        Example(say("Only a log_id"), say("When it was, and where to look it up"), "log-id.txt"),
    )


def examples(*, practice: bool) -> tuple[Example, ...]:
    """The examples for this page."""
    return tuple(e for e in _all() if practice or not e.practice)
