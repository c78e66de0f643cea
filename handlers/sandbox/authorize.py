"""The authorize page that all practice platforms share: who signs in, what is asked, approve or refuse.

Each platform checks its own parameters first and then hands an `Ask` over; it gets back whom to issue a code to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.model import App, Text
from handlers.sandbox import pages
from handlers.sandbox.people import person


@dataclass(frozen=True, slots=True)
class Ask:
    """A checked authorization request. `shown` are the scopes the person is asked for, `held` those they granted before."""

    app: App
    platform: Text
    redirect_uri: str
    state: str
    shown: Sequence[str]
    held: Sequence[str] = ()
    only: Sequence[str] = field(default=("alice", "bob", "chenwei"))


@dataclass(frozen=True, slots=True)
class Decision:
    """What the person at the page decided."""

    person: str
    approved: bool


def show(request: Request, ask: Ask) -> Response:
    """The page itself. Its form posts to the same address with the same query, so everything is checked again."""
    action = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return pages.page(
        request,
        "authorize",
        leads_to=ask.redirect_uri,
        ask=ask,
        action=action,
        chosen=pages.signed_in(request),
        origin=_origin(ask.redirect_uri),
    )


async def decided(request: Request) -> Decision | None:
    """The decision in a POST; None when the form is not ours or names nobody."""
    form = await pages.form_of(request)
    if form is None:
        return None
    who = str(form.get("person", ""))
    if person(who) is None:
        return None
    return Decision(who, form.get("decision") == "approve")


def back(redirect_uri: str, parameters: dict[str, str], who: str = "") -> Response:
    """Send the browser back to the application: 303, so that the form is not posted on."""
    parts = urlsplit(redirect_uri)
    added = urlencode({name: value for name, value in parameters.items() if value})
    query = f"{parts.query}&{added}" if parts.query else added
    answer = RedirectResponse(urlunsplit(parts._replace(query=query)), 303)
    answer.headers["referrer-policy"] = "no-referrer"
    answer.headers["cache-control"] = "no-store"
    if who:
        answer.set_cookie("practice_person", who, max_age=86_400 * 30, httponly=True, samesite="lax")
    return answer


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
