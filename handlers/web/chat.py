"""The chat page: one private chat a browser, its history from the store, live through server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from bot.i18n import say
from bot.model import ACTIONS, Locale, Question, Text
from bot.ports import Card
from bot.render.escape import clean
from bot.services.consent_runner import binding
from bot.services.results import Replied
from handlers.web.examples import examples
from handlers.web.guard import HEAD
from handlers.web.limits import address_of
from handlers.web.pages import draw, fragment, locale_of, words_json
from handlers.web.sessions import Visitor, remember
from handlers.web.state import Web

YEAR = 31_536_000
HEARTBEAT_SECONDS = 15
ENDINGS = (".txt", ".log", ".json")
SURFACES = frozenset({"lark", "slack", "dingtalk", "json"})


def router(web: Web) -> APIRouter:
    """`/` and everything below `/chat`."""
    routes = APIRouter(include_in_schema=False)

    async def arrive(request: Request, locale: Locale) -> Visitor:
        """The visitor, who may be new here. Raises `TooMuch`."""
        known = await web.visitors.of(request, locale)
        if known is not None:
            return known
        web.limits.arrived(address_of(request))
        return await web.visitors.begin(locale)

    @routes.get("/")
    async def page(request: Request) -> Response:
        if request.scope.get(HEAD):
            return HTMLResponse("")  # whoever only looks whether we are here gets no session
        if web.hosts.alias(request.headers.get("host", "")):
            # cookies belong to a name, and links lead to this one
            return RedirectResponse(web.settings.base_url + "/", 307)
        locale = locale_of(request)
        who = await web.visitors.fresh(await arrive(request, locale), locale)
        cards = await web.store.cards_in(who.place, 50)
        values = {
            "practice": web.practice,
            "desk": web.desk,
            "people": [{"id": one.key, "name": f"{one.name.in_(locale)} · {one.title.in_(locale)}"} for one in web.people],
            "person": who.session.role,
            "visitor": "" if web.practice else who.person.name,
            "turns": [turn for card in cards if (turn := await _turn(web, card, who, locale))],
            "tries": [{"title": e.title.in_(locale), "hint": e.hint.in_(locale), "text": e.text} for e in examples(practice=web.practice)],
            "words_json": _words(locale),
        }
        response = draw(request, "chat.html.j2", values, locale=locale)
        remember(response, who)
        if request.query_params.get("lang") in ("en", "zh"):
            response.set_cookie("wf_lang", locale, max_age=YEAR, path="/", samesite="lax")
        return response

    @routes.post("/chat/person")
    async def choose(request: Request) -> Response:
        wanted = (await _json(request)).get("person")
        locale = locale_of(request)
        if wanted not in [one.key for one in web.people]:
            return _no(request, say("There is no such person on the practice platform."), 400)
        who = await web.visitors.turn(await arrive(request, locale), locale, role=str(wanted))
        response = JSONResponse({"ok": True})
        remember(response, who)
        return response

    @routes.post("/chat/messages")
    async def ask(request: Request) -> Response:
        locale = locale_of(request)
        who = await arrive(request, locale)
        web.limits.asked(who.session.person, address_of(request))
        with web.limits.in_line():
            response = await answered(request, who, locale)
        remember(response, who)
        return response

    async def answered(request: Request, who: Visitor, locale: Locale) -> Response:
        try:
            text, wrong = await _pasted(web, request)
        except HTTPException as no:
            # The form is read by a library; what it says about sizes is no sentence of ours.
            if "maximum size" not in str(no.detail):
                raise
            text, wrong = "", _too_large(web.settings.max_upload)
        if wrong is not None:
            return _no(request, wrong, 400)
        await _introduce(web, who)
        hidden = await web.service.masked(text)
        question = Question(
            hidden.text,
            "web",
            who.person,
            who.place,
            locale,
            private=True,
            live=hidden.live,
            unread=hidden.unread,
            always_new=True,
            follows=True,
        )
        replied = await web.service.reply(question)
        if replied is not None:
            return await word(request, who, replied, hidden.text, locale)
        answer = await web.service.command(question)
        turn = await _turn(web, answer.card, who, locale, notice=answer.notice)
        return JSONResponse({"card_id": answer.card.id, "html": fragment(request, "turn.html.j2", {"turn": turn})})

    async def word(request: Request, who: Visitor, replied: Replied, text: str, locale: Locale) -> Response:
        """A reply about the newest card: what is said to it, and that card as it is now."""
        said = replied.said.in_(locale) if replied.said else ""
        turn = {
            "card_id": "",
            "name": who.person.name or say("You").in_(locale),
            "text": clean(text, lines=True),
            "said": said,
            "notice": "",
        }
        out = {"html": fragment(request, "turn.html.j2", {"turn": turn}), "about": replied.card.id}
        if replied.reply is not None:
            out["card"] = str(await _html(web, replied.card, locale))
        return JSONResponse(out)

    @routes.get("/chat/cards/{card_id}")
    async def card(request: Request, card_id: str) -> Response:
        locale = locale_of(request)
        found = await _own_card(web, card_id, await web.visitors.of(request, locale))
        if found is None:
            return _no(request, _gone(), 404)
        return JSONResponse({"html": str(await _html(web, found, locale)), "settled": bool(found.flow_id)})

    @routes.get("/chat/cards/{card_id}/as/{surface}")
    async def source(request: Request, card_id: str, surface: str) -> Response:
        locale = locale_of(request)
        found = await _own_card(web, card_id, await web.visitors.of(request, locale))
        reply = await web.service.draw(card_id, surface, locale, "asker") if found and surface in SURFACES else None
        if reply is None:
            return _no(request, _gone(), 404)
        body = reply.body if isinstance(reply.body, str) else json.dumps(reply.body, ensure_ascii=False, indent=2)
        return JSONResponse({"body": body})

    @routes.post("/chat/cards/{card_id}/click")
    async def click(request: Request, card_id: str) -> Response:
        locale = locale_of(request)
        who = await web.visitors.of(request, locale)
        body = await _json(request)
        action, index = body.get("action"), body.get("index", 0)
        if who is None or action not in ACTIONS or not isinstance(index, int) or await _own_card(web, card_id, who) is None:
            return _no(request, _gone(), 404)
        clicked = await web.service.click(card_id, str(action), who.person, who.place, index)
        out: dict[str, object] = {"toast": clicked.toast.in_(locale), "url": clicked.url}
        if clicked.whisper is not None and isinstance(clicked.whisper.body, str) and action in ("support", "details", "share"):
            out["text"] = clicked.whisper.body
        if clicked.card is not None and (redrawn := await web.store.card(card_id)) is not None:
            out["card"] = str(await _html(web, redrawn, locale))
        return JSONResponse(out)

    @routes.get("/chat/events")
    async def events(request: Request) -> Response:
        who = await web.visitors.of(request, locale_of(request))
        if who is None:
            return _no(request, say("This page has been open for too long. Load it again."), 401)
        if request.scope.get(HEAD):
            return Response(media_type="text/event-stream")
        web.limits.may_listen(*web.messenger.listeners(who.place.chat))
        return StreamingResponse(_stream(web, who.place.chat), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return routes


async def _stream(web: Web, chat: str) -> AsyncIterator[str]:
    queue = web.messenger.listen(chat)
    try:
        yield "retry: 2000\n\n"
        while True:
            try:
                name, data = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield ": still here\n\n"
            else:
                yield f"event: {name}\ndata: {data}\n\n"
    finally:
        web.messenger.leave(chat, queue)


async def _introduce(web: Web, who: Visitor) -> None:
    """On the practice platform we know who the visitor is there, so another account that comes back is noticed the first time."""
    practice = next((one for one in web.people if one.key == who.session.role), None)
    if practice is None:
        return
    for app in web.apps:
        await web.store.bind_account(who.person, binding(app.platform, app.app_id), practice.account(app.platform, app.app_id))


async def _pasted(web: Web, request: Request) -> tuple[str, Text | None]:
    """The question, or what is wrong with it. Text and file are put together, so that nothing is lost."""
    limit = web.settings.max_upload
    form = await request.form(max_part_size=limit + 1, max_files=1, max_fields=5)
    try:
        text, upload = str(form.get("text") or ""), form.get("file")
        if isinstance(upload, UploadFile) and upload.filename:
            if not upload.filename.lower().endswith(ENDINGS):
                return "", say("The file {name} is not a .txt, .log or .json file. Paste its text instead.", name=upload.filename[:80])
            raw = await upload.read(limit + 1)
            if len(raw) > limit:
                return "", _too_large(limit)
            if b"\x00" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                return "", say("The file {name} is not text. Paste the error itself.", name=upload.filename[:80])
            encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
            text = f"{text}\n{raw.decode(encoding, 'replace')}".strip()
    finally:
        await form.close()
    if len(text.encode("utf-8", "replace")) > limit:
        return "", _too_large(limit)
    if not text.strip():
        return "", say("There is no text to explain. Paste the error, or only its log_id.")
    return text, None


def _too_large(limit: int) -> Text:
    return say(
        "That is more than {limit} MB. Send the part around the error, or attach the log without its older lines.", limit=limit // 1_000_000
    )


async def _turn(web: Web, card: Card, who: Visitor, locale: Locale, notice: Text | None = None) -> dict[str, object] | None:
    html = await _html(web, card, locale)
    if html is None:
        return None
    return {
        "card_id": card.id,
        "name": who.person.name or say("You").in_(locale),
        "text": clean(str(card.snapshot.get("text", "")), lines=True)[:4000],
        "notice": notice.in_(locale) if notice else "",
        "said": "",
        "html": html,
        "has_card": True,
    }


async def _html(web: Web, card: Card, locale: Locale) -> Markup | None:
    reply = await web.service.draw(card.id, "html", locale, "asker")
    # The fragment is made by our own renderer, which escapes every value.
    return Markup(reply.body) if reply is not None and isinstance(reply.body, str) else None  # noqa: S704


async def _own_card(web: Web, card_id: str, who: Visitor | None) -> Card | None:
    card = await web.store.card(card_id) if who is not None else None
    return card if card is not None and who is not None and (card.place.surface, card.place.chat) == ("web", who.place.chat) else None


async def _json(request: Request) -> dict[str, object]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return {}  # a form of another page can send text that looks like JSON, but not under this type
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _no(request: Request, sentence: Text, status: int) -> JSONResponse:
    return JSONResponse({"error": sentence.in_(locale_of(request))}, status)


def _gone() -> Text:
    return say("This card is no longer kept. Paste the error again.")


def _words(locale: Locale) -> str:
    return words_json(
        locale,
        empty=say("There is no text to explain. Paste the error, or only its log_id."),
        thinking=say("Reading"),
        offline=say("The server does not answer. Your text is still in the box; try again in a moment."),
        failed=say("That did not work. Your text is still in the box."),
        only_you=say("Only you can see this"),
        review=say("Review and continue"),
        copied=say("Copied"),
    )
