"""The practice platform as one ASGI application."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.model import App
from bot.ports import Clock
from handlers.practice import faults, pages
from handlers.practice.console import Desk
from handlers.practice.dingtalk import DingTalk
from handlers.practice.kuaishou import GENERAL, SHOP, Kuaishou
from handlers.practice.lark import FEISHU, LARK, Lark
from handlers.practice.lark_api import LarkApi
from handlers.practice.people import practice_apps
from handlers.practice.slack import Slack
from handlers.practice.world import World


def create_app(clock: Clock, apps: Iterable[App] | None = None, *, snapshot: Path | None = None, world: World | None = None) -> ASGIApp:
    """The whole practice platform. `apps` default to `practice_apps()`; `snapshot` is a JSON file that lets a restart go on."""
    held = world if world is not None else World(clock, practice_apps() if apps is None else apps, snapshot)
    routes = [
        Route("/practice/faults", faults.control, methods=["GET", "POST", "DELETE"]),
        Route("/practice.css", pages.stylesheet),
        Route("/favicon.ico", _nothing),
    ]
    for brand in (FEISHU, LARK):
        server = Lark(held, brand)
        routes += [*server.routes(), *LarkApi(held, brand, server).routes()]
    routes += [*DingTalk(held).routes(), *Slack(held).routes()]
    routes += [*Kuaishou(held, SHOP).routes(), *Kuaishou(held, GENERAL).routes(), *Desk(held).routes()]
    app = Starlette(routes=routes)
    app.state.world = held
    return faults.Gate(app, held)


async def _nothing(_: object) -> Response:
    return Response(status_code=204)
