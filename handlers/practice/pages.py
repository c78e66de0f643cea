"""The practice platform's pages: rendering, languages, headers. No third-party content, no scripts."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.i18n import say
from bot.model import Locale, Text
from handlers.practice.people import practice_people

FORM_LIMIT = 256 * 1024


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("templates", "practice"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.globals["people"] = practice_people()
    return environment


def language(request: Request) -> Locale:
    """`?lang=` first, then the cookie that keeps it, then the browser's wish."""
    for wish in (request.query_params.get("lang"), request.cookies.get("practice_lang"), request.headers.get("accept-language")):
        if wish:
            return "zh" if wish.lower().startswith("zh") else "en"
    return "en"


def signed_in(request: Request) -> str:
    """Whom this browser signed in as the last time, to preselect them."""
    return request.cookies.get("practice_person", "alice")


def page(request: Request, name: str, status: int = 200, *, leads_to: str = "", **values: Any) -> Response:
    """Render `templates/practice/<name>.html.j2`. `leads_to`: an address that a form of this page may be redirected to."""
    locale = language(request)

    def words(msgid: str, **inserts: object) -> str:
        return say(msgid, **inserts).in_(locale)

    def text(value: Text) -> str:
        return value.in_(locale)

    html = _environment().get_template(f"{name}.html.j2").render(say=words, text=text, locale=locale, here=request.url.path, **values)
    parts = urlsplit(leads_to)
    target = f" {parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""
    answer = HTMLResponse(html, status)
    answer.headers.update(
        {
            "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self'{target}",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
            "x-frame-options": "DENY",
        }
    )
    if request.query_params.get("lang"):
        answer.set_cookie("practice_lang", locale, max_age=86_400 * 30, httponly=True, samesite="lax")
    return answer


def problem(request: Request, code: str, sentence: Text, hint: Text | None = None, *, status: int = 400, log_id: str = "") -> Response:
    """The platform's own error page, as a person meets it in the browser (20027, 20029, K0009 …)."""
    return page(request, "problem", status, code=code, sentence=sentence, hint=hint, log_id=log_id)


async def form_of(request: Request) -> FormData | None:
    """The form of a POST from one of our own pages; None when it comes from another site or is too long."""
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(origin or "").netloc != request.url.netloc:
        return None
    if request.headers.get("sec-fetch-site") == "cross-site" or int(request.headers.get("content-length") or 0) > FORM_LIMIT:
        return None
    return await request.form(max_fields=200, max_part_size=FORM_LIMIT)


async def stylesheet(_: Request) -> Response:
    """The one stylesheet."""
    css = files("templates").joinpath("practice", "practice.css").read_bytes()
    return Response(css, media_type="text/css", headers={"cache-control": "max-age=300", "x-content-type-options": "nosniff"})
