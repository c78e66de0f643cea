"""The DingTalk door. Nothing of DingTalk's SDK is loaded before the door is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handlers.chat.surface import Door
    from handlers.compose import Runtime


def open_door(runtime: Runtime) -> Door:
    """Open it in Stream mode: no public address is needed. The voice goes into `runtime.messengers`."""
    from handlers.dingtalk.app import DingTalkDoor  # noqa: PLC0415 - as little as possible before it is needed

    return DingTalkDoor(runtime).door()
