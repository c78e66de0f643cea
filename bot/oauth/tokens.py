"""A user's token between two uses: how it is written down, when it is still good, and what a failed refresh means.

Nothing here talks to a platform or reads a clock; `now` is an argument, sealing goes through the `Vault` port. The text
that is sealed names its own row (platform, app, subject, person), so that a sealed text copied onto another row is not believed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from bot.errors import OperatorError
from bot.model import App, Person
from bot.oauth.messages import PlatformRefusal, Token
from bot.oauth.ports import StoredToken, Vault

EARLY = timedelta(seconds=120)
"""A token is treated as expired this long before its time: a call that starts now has to arrive while it is still good."""

Outlook = Literal["over", "app", "later"]


class TamperedError(OperatorError):
    """A sealed token stands in a row that it was not sealed for."""


def seal(
    vault: Vault,
    app: App,
    token: Token,
    *,
    subject: str,
    now: datetime,
    person: Person | None = None,
    granted: datetime | None = None,
    version: int = 0,
) -> StoredToken:
    """The row to keep for `token`. `granted` is when the person consented (default: now); it survives refreshes."""
    text = json.dumps(
        {
            "row": [app.platform, app.app_id, subject, *_whose(person)],
            "access_token": token.access_token,
            "refresh_token": token.refresh_token,
            "subject": token.subject,
            "extra": dict(token.extra),
        }
    )
    return StoredToken(
        platform=app.platform,
        app_id=app.app_id,
        subject=subject,
        sealed=vault.seal(text),
        scopes=token.scopes,
        expires=_after(now, token.expires_in),
        refresh_expires=_after(now, token.refresh_expires_in),
        granted=granted or now,
        person=person,
        version=version,
    )


def unseal(vault: Vault, stored: StoredToken) -> Token:
    """The token of a row. Its times are gone (they counted from an answer long ago): the row's `expires` holds. Raises `TamperedError`."""
    data = json.loads(vault.open(stored.sealed))
    row = [stored.platform, stored.app_id, stored.subject]
    if data["row"] not in (row, [*row, *_whose(stored.person)]):  # rows of older versions name no person until they are sealed anew
        raise TamperedError("a sealed token stands in a row that it was not sealed for")
    return Token(
        access_token=data["access_token"],
        scopes=stored.scopes,
        refresh_token=data["refresh_token"],
        subject=data["subject"],
        extra=data["extra"],
    )


def _whose(person: Person | None) -> list[str]:
    return [person.surface, person.tenant, person.user_id] if person else []


def renewed(old: Token, new: Token) -> Token:
    """What holds after a refresh: what the answer leaves out stays as it was (RFC 6749 §5.1 for scopes, §6 for the refresh token)."""
    return replace(
        new,
        scopes=new.scopes or old.scopes,
        refresh_token=new.refresh_token or old.refresh_token,
        subject=new.subject or old.subject,
        extra={**old.extra, **new.extra},
    )


def usable(stored: StoredToken, now: datetime) -> bool:
    """Can the access token be handed out? A row without `expires` never runs out (Slack without rotation)."""
    return stored.expires is None or stored.expires - EARLY > now


def over(stored: StoredToken, now: datetime) -> bool:
    """Can neither the token nor its refresh token ever be used again? (Only what the platform's own times tell.)"""
    if stored.expires is None or stored.expires > now:
        return False
    return stored.refresh_expires is not None and stored.refresh_expires <= now


def outlook(refusal: PlatformRefusal) -> Outlook:
    """What a refused refresh means: `over` the person has to consent again, `app` the developer has to act, `later` try again.

    The platform's room has said whose fault it is; RFC 6749's own name for a refresh token that is over counts whoever is blamed.
    """
    if refusal.code == "invalid_grant" or refusal.blame in ("token", "code", "user"):
        return "over"
    if refusal.blame == "app":
        return "app"
    return "later"


def _after(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)
