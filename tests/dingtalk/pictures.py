"""The picture of docs/dingtalk.md: `python -m tests.dingtalk.pictures OUT`. What the door really sends, drawn as DingTalk draws it."""

from __future__ import annotations

import asyncio
import html
import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handlers.compose import build
from handlers.dingtalk.app import DingTalkDoor
from handlers.practice import running as practising
from tests.dingtalk.conftest import Scene, settings_for, until
from tests.dingtalk.platform import Sent, running

FRAME = """<!doctype html><meta charset="utf-8"><style>{css}</style>{body}"""
CSS = (Path(__file__).parent.parent / "data" / "dingtalk_client.css").read_text(encoding="utf-8")
PASTE = (Path(__file__).parent.parent / "data" / "doors_lark_consent.txt").read_text(encoding="utf-8")


def markdown(text: str) -> str:
    """DingTalk's subset: headings, quotes, lists, bold, italic, links."""
    out = []
    for block in text.split("\n\n"):
        said = html.escape(block.strip(), quote=False)
        said = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r'<a href="\2">\1</a>', said)
        said = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", said)
        said = re.sub(r"(?<!\*)\*(?!\*)(.+?)\*", r"<i>\1</i>", said).replace("\n", "<br>")
        if said == "---":
            out.append("<hr>")
        elif found := re.match(r"#{1,6} (.*)", said):
            out.append(f"<h4>{found.group(1)}</h4>")
        elif said.startswith("&gt; "):
            out.append(f"<blockquote>{said.removeprefix('&gt; ')}</blockquote>")
        elif said:
            out.append(f"<p>{said}</p>")
    return "".join(out)


def bot(sent: Sent) -> str:
    """What the robot said."""
    body: Mapping[str, Any] = sent.body.get(str(sent.body.get("msgtype")), sent.body)
    links = [(one["title"]) for one in body.get("btns", ())] or ([body["singleTitle"]] if body.get("singleTitle") else [])
    buttons = "".join(f'<div class="button">{html.escape(title)}</div>' for title in links)
    return f'<div class="row"><div class="pic bot">?</div><div><div class="who">whyforbidden <span>机器人</span></div><div class="bubble">{markdown(str(body["text"]).replace("@manager01", "@李"))}{buttons}</div></div></div>'


def person(name: str, text: str) -> str:
    """What somebody wrote."""
    return f'<div class="row mine"><div class="bubble">{html.escape(text)}</div><div class="pic">{name[0]}</div></div>'


async def pages() -> str:
    """The group on the left, the direct chat on the right."""
    with running() as platform, practising() as practice, tempfile.TemporaryDirectory() as folder:
        settings = settings_for(platform, Path(folder), public_url="http://127.0.0.1:8080", locale="zh")
        runtime = build(settings, apps=practice.apps)
        door = DingTalkDoor(runtime)
        task = asyncio.create_task(door.run())
        await until(lambda: platform.connected)
        scene = Scene(platform, runtime, door)
        paste = "表格写不进去：" + PASTE.split("\n", 1)[1].strip().replace("APP_ID", practice.app("lark", "feishu").app_id)
        (card,) = await scene.ask(paste, group=True)
        sent = await scene.ask("重新授权", group=True, answers=2)
        link, told = (next(one for one in sent if one.way == way) for way in ("direct", "hook"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await runtime.close()
    shown = paste if len(paste) < 260 else paste[:260] + "…"
    group = person("李", "@whyforbidden " + shown) + bot(card) + person("李", "@whyforbidden 重新授权") + bot(told)
    return (
        f'<div class="chats"><section><h3>接口联调群（128）</h3>{group}</section><section><h3>whyforbidden</h3>{bot(link)}</section></div>'
    )


def main(out: Path) -> None:
    """Draw it."""
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    body = asyncio.run(pages())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        page = Path(folder) / "page.html"
        page.write_text(FRAME.format(css=CSS, body=body), encoding="utf-8")
        window = play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        tab = window.new_page(viewport={"width": 1040, "height": 400}, device_scale_factor=1.5)
        tab.goto(page.as_uri())
        tab.screenshot(path=out / "dingtalk-group.png", full_page=True)
        window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
