"""The authorize page that all practice platforms share: who signs in, what is asked, approve or refuse.

Each platform brings what is its own: how a request is checked, and what an approval answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bot.catalog import catalog
from bot.i18n import say
from bot.model import App, Text
from handlers.practice import pages
from handlers.practice.people import person


@dataclass(frozen=True, slots=True)
class Ask:
    """A checked authorization request. `shown` are the scopes a person is asked for, `held` tells those they granted before."""

    app: App
    platform: Text
    redirect_uri: str
    state: str
    shown: Sequence[str]
    held: Callable[[str], Iterable[str]]
    challenge: str = ""
    method: str = ""


class PageError(Exception):
    """An error that the person sees on the platform's own page; the application never hears of it."""

    def __init__(self, code: str, sentence: Text, hint: Text | None = None) -> None:
        super().__init__(code)
        self.code, self.sentence, self.hint = code, sentence, hint


async def serve(
    request: Request,
    checked: Callable[[QueryParams], Ask],
    issue: Callable[[Ask, str], Mapping[str, str]],
    *,
    malformed: str,
    log_id: str = "",
) -> Response:
    """`GET` shows the page, `POST` is the decision. The form posts to the same address, so every check is made again.

    `checked` reads the request or raises `PageError`; `issue` makes the parameters for an approval by that person.
    """
    try:
        ask = checked(request.query_params)
        if request.method == "GET":
            return _show(request, ask)
        form = await pages.form_of(request)
        who = str(form.get("person", "")) if form else ""
        if form is None or person(who) is None:
            raise PageError(malformed, say("The request is malformed."))
        if form.get("decision") != "approve":
            return back(ask, {"error": "access_denied"}, who)
        return back(ask, issue(ask, who), who)
    except PageError as error:
        return pages.problem(request, error.code, error.sentence, error.hint, log_id=log_id)


def _show(request: Request, ask: Ask) -> Response:
    action = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    chosen = pages.signed_in(request)
    held = sorted(ask.held(chosen))
    origin = _origin(ask.redirect_uri)
    titles = {scope: _title(ask.app.platform, scope) for scope in ask.shown}
    return pages.page(
        request, "authorize", leads_to=ask.redirect_uri, ask=ask, titles=titles, held=held, action=action, chosen=chosen, origin=origin
    )


def _title(platform: str, scope: str) -> Text:
    """What the scope opens, in words, in the languages in which the catalogue knows it; empty in the others."""
    known = catalog().scope(platform, scope.removeprefix("user:"))
    if known is None or known.title.zh == known.name:
        return Text("", "")
    return Text(known.title.en if known.title.en.isascii() else "", known.title.zh)


def back(ask: Ask, answer: Mapping[str, str], who: str) -> Response:
    """Send the browser back to the application: 303, so that the form is not posted on."""
    parts = urlsplit(ask.redirect_uri)
    added = urlencode({name: value for name, value in {**answer, "state": ask.state}.items() if value})
    query = f"{parts.query}&{added}" if parts.query else added
    redirect = RedirectResponse(urlunsplit(parts._replace(query=query)), 303)
    redirect.headers["referrer-policy"] = "no-referrer"
    redirect.headers["cache-control"] = "no-store"
    redirect.set_cookie("practice_person", who, max_age=86_400 * 30, httponly=True, samesite="lax")
    return redirect


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
