"""The Lark/Feishu door: messages, cards, clicks, the bot's menu; over a long connection or a webhook.

`open_door` imports what it needs when it is called, so that the doctor and the command line pay for nothing. lark_oapi is imported by no
module of this package but `sdk.py`, which runs in a process of its own.
"""

# ruff: noqa: PLC0415 - see above
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handlers.chat.surface import Door
    from handlers.compose import Runtime

PATH = "/lark/events"


def open_door(runtime: Runtime) -> Door:
    """Open the door that the settings describe. The connection starts with `Door.run`."""
    from urllib.parse import urlsplit

    from handlers.chat.surface import Door
    from handlers.lark.api import base_url
    from handlers.lark.app import LarkDoor
    from handlers.system import is_local

    settings = runtime.settings
    if settings.practice and not is_local(urlsplit(base_url(settings.lark_domain)).hostname or ""):
        return Door("lark", says="closed; practice mode talks to nobody outside this machine")
    return LarkDoor(runtime).door()
