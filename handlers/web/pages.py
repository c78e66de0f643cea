"""Drawing pages and the headers that every page carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request

from bot.i18n import say
from bot.model import Locale, Text

BINDING_COOKIE = "__Host-wf-consent-"  # and the consent's id: one browser may have several under way
SESSION_COOKIE = "__Host-wf-session"
THEMES = frozenset({"light", "dark"})


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "web/pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def policy(*, form_action: str = "", script: str = "") -> str:
    """Content-Security-Policy: nothing from elsewhere. A consent form may lead to the platform's origin (browsers apply
    `form-action` to the redirect too), and the in-client page alone may load the vendor's script from its exact URL."""
    return (
        f"default-src 'none'; script-src 'self'{' ' + script if script else ''}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"form-action 'self'{' ' + form_action if form_action else ''}; frame-ancestors 'none'; base-uri 'none'"
    )


def locale_of(request: Request) -> Locale:
    """Explicit choice (`?lang=`, cookie) first, then what the browser prefers."""
    for chosen in (request.query_params.get("lang"), request.cookies.get("wf_lang")):
        if chosen == "zh":
            return "zh"
        if chosen == "en":
            return "en"
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def draw(
    request: Request,
    template: str,
    values: Mapping[str, object],
    *,
    locale: Locale | None = None,
    status: int = 200,
    csp: str | None = None,
) -> HTMLResponse:
    """A page in the reader's language, never cached, never framed, never telling where the reader came from."""
    language = locale or locale_of(request)

    def t(msgid: str, **names: object) -> str:
        return say(msgid, **names).in_(language)

    theme = request.cookies.get("wf_theme", "")
    body = _environment().get_template(template).render(t=t, locale=language, theme=theme if theme in THEMES else "", **values)
    response = HTMLResponse(body, status_code=status)
    response.headers["Content-Security-Policy"] = csp or policy()
    return response


def fragment(request: Request, template: str, values: Mapping[str, object]) -> str:
    """A part of a page, for the script to put in place."""
    return bytes(draw(request, template, values).body).decode()


def problem(request: Request, code: str, sentence: Text, status: int = 400) -> HTMLResponse:
    """One clear sentence and the way back."""
    locale = locale_of(request)
    return draw(request, "problem.html.j2", {"code": code, "sentence": sentence.in_(locale)}, locale=locale, status=status)


def words_json(locale: Locale, **sentences: Text) -> str:
    """Sentences for a script, as the value of a data attribute."""
    return json.dumps({name: text.in_(locale) for name, text in sentences.items()}, ensure_ascii=False)


def set_cookie(response: Response, name: str, value: str, max_age: int) -> None:
    """`__Host-`: this host only, whole site, secure; loopback counts as secure in browsers, so practice works the same way."""
    response.set_cookie(name, value, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax")
