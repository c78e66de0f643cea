"""The Slack door. Nothing of Slack's SDK is loaded before the door is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handlers.chat.surface import Door
    from handlers.compose import Runtime


def open_door(runtime: Runtime) -> Door:
    """Open it: Socket Mode when there is an app-level token, else requests at `/slack/events`. The voice goes into `runtime.messengers`."""
    from handlers.slack.app import SlackDoor  # noqa: PLC0415 - loads the SDK

    return SlackDoor(runtime).door()
