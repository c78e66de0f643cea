"""Plain words for causes, roles and consent states: safe to say to anybody, as they hold nothing of a paste."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache

from bot.i18n import same, say
from bot.model import Cause, Text, Who


class Tone(StrEnum):
    """How a consent stands, in four shades."""

    WAITING = "waiting"
    WORKING = "working"
    STOPPED = "stopped"
    PROVEN = "proven"


@cache
def label(msgid: str) -> Text:
    """A sentence without places, looked up once."""
    return say(msgid)


MEANINGS: Mapping[Cause, str] = {
    Cause.APP_SCOPE_MISSING: "The app itself has not been given a permission that this call needs.",
    Cause.USER_SCOPE_MISSING: "The user has not agreed to a permission that this call needs.",
    Cause.RESOURCE_PERMISSION: "The permissions are in order, but this document or resource is not shared.",
    Cause.TOKEN_INVALID: "The access token is not accepted.",
    Cause.TOKEN_EXPIRED: "The access token is too old.",
    Cause.TOKEN_MISSING: "The call was sent without an access token.",
    Cause.TOKEN_WRONG_TYPE: "The call needs another kind of access token.",
    Cause.APP_CREDENTIALS: "The app's own id or secret is not accepted.",
    Cause.APP_NOT_AVAILABLE: "The app is not installed, enabled or published for this user or organization.",
    Cause.BOT_NOT_IN_CHAT: "The bot is not a member of this chat.",
    Cause.CONTACT_RANGE: "The app may not see this person or department.",
    Cause.IP_NOT_ALLOWED: "The call came from an IP address that is not on the list of allowed ones.",
    Cause.RATE_LIMITED: "The platform limits how often this may be called.",
    Cause.TENANT_POLICY: "A rule of the organization forbids this.",
    Cause.RESOURCE_NOT_FOUND: "What the call asks for does not exist, or is hidden from this identity.",
    Cause.BAD_REQUEST: "The request is malformed; this is no permission problem.",
    Cause.USER_DENIED: "The user said no on the consent page.",
    Cause.REDIRECT_URI: "The redirect address is not one that the app has registered.",
    Cause.AUTH_CODE_INVALID: "The code was used already, is too old, or belongs to another app.",
    Cause.REFRESH_TOKEN_INVALID: "The refresh token was used already or is too old: sign in again.",
    Cause.SERVER_ERROR: "The platform itself has a problem; nothing is wrong with the permissions.",
    Cause.OTHER: "This error is not about permissions that we know.",
}

ROLES: Mapping[Who, tuple[str, str]] = {
    Who.DEVELOPER: ("App developer", "The app's developer can fix this."),
    Who.ORG_ADMIN: ("Administrator", "An administrator of the organization can fix this."),
    Who.USER: ("User", "The user of the app can fix this: it is their consent or their account."),
    Who.RESOURCE_OWNER: ("Owner", "The owner of the document or resource can fix this."),
    Who.PLATFORM_SUPPORT: ("Platform support", "Only {platform} support can fix this."),
    Who.NOBODY_RETRY: ("Wait and retry", "Nobody has to change anything: wait a moment and try again."),
}

STATES: Mapping[str, tuple[Tone, str]] = {
    "offered": (Tone.WAITING, "Waiting for you"),
    "started": (Tone.WORKING, "Consent page open"),
    "authorized": (Tone.WORKING, "Checking the answer"),
    "granted": (Tone.WORKING, "Agreed, not proven yet"),
    "proven": (Tone.PROVEN, "Proven"),
    "refused": (Tone.STOPPED, "Declined"),
    "wrong_account": (Tone.STOPPED, "Wrong account"),
    "insufficient": (Tone.STOPPED, "Not enough yet"),
    "expired": (Tone.STOPPED, "Link expired"),
    "superseded": (Tone.STOPPED, "Replaced by a newer request"),
    "failed": (Tone.STOPPED, "Did not work"),
    "revoked": (Tone.STOPPED, "Withdrawn"),
}
UNDER_WAY = frozenset({"started", "authorized", "granted"})
"""Somebody is on the way through the consent page: no second main button."""


def cause_sentence(cause: Cause) -> Text:
    """What a cause means, without naming anything of the paste: fit for a shared channel."""
    return label(MEANINGS[cause])


def role_name(who: Who) -> Text:
    """A role in one or two words."""
    return label(ROLES[who][0])


def role_sentence(who: Who, platform_title: Text) -> Text:
    """Who can fix it, as a sentence."""
    msgid = ROLES[who][1]
    return say(msgid, platform=platform_title) if who is Who.PLATFORM_SUPPORT else label(msgid)


def state_label(state: str) -> Text:
    """The name of a consent state; an unknown one (an older or newer version wrote it) is said as it is."""
    known = STATES.get(state)
    return label(known[1]) if known else same(state)
