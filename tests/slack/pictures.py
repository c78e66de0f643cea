"""The pictures of docs/slack.md: `python -m tests.slack.pictures OUT`. What the door really sends to a local Slack, drawn as Slack draws it."""

from __future__ import annotations

import asyncio
import html
import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.gallery import SLACK_CSS, slack
from tests.slack.server import Posted, SlackServer
from tests.slack.world import ERROR, opened

FRAME = """<!doctype html><meta charset="utf-8"><style>{css}
body{{margin:0;padding:20px;background:#fff;width:680px;font:15px/1.46 Lato,"Noto Sans","Noto Sans CJK SC",sans-serif;color:#1d1c1d}}
.row{{display:grid;grid-template-columns:36px 1fr;gap:10px;margin-bottom:14px}}.pic{{width:36px;height:36px;border-radius:6px;background:#4a154b;color:#fff;
display:grid;place-items:center;font-weight:700}}.bot .pic{{background:#1c2a4a}}.who{{font-weight:900}}.tag{{font-size:10px;background:#eee;padding:1px 4px;border-radius:3px;margin:0 4px}}
.time{{font-size:12px;color:#616061;font-weight:400}}.only{{font-size:13px;color:#616061}}.sl{{padding:0;margin-top:4px}}
.said{{white-space:pre-wrap;overflow-wrap:anywhere}}.in{{margin-left:46px;border-left:2px solid #ddd;padding-left:12px}}</style>{body}"""


def person(name: str, text: str) -> str:
    """What somebody wrote."""
    return (
        f'<div class="row"><div class="pic">{name[0]}</div><div><span class="who">{name}</span> <span class="time">10:24 AM</span>'
        f'<div class="said">{html.escape(text)}</div></div></div>'
    )


def bot(posted: Posted, only: bool = False) -> str:
    """What the bot wrote."""
    seen = '<div class="only">👁 Only visible to you</div>' if only else ""
    return (
        f'<div class="row bot"><div class="pic">?</div><div>{seen}<span class="who">whyforbidden</span><span class="tag">APP</span>'
        f'<span class="time">10:24 AM</span>{slack({"blocks": posted.blocks}, "en")}</div></div>'
    )


async def pages() -> dict[str, str]:
    """Each picture's HTML."""
    server = SlackServer()
    runner = await server.start()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        async with opened(server, Path(folder)) as door:
            await door.says(ERROR)
            await door.settle()
            [card] = server.in_channel("C1")
            shown = person("Alice", "@whyforbidden " + ERROR) + f'<div class="in">{bot(card)}</div>'
            await door.clicks(card, card.button("reauthorize"))
            await door.settle()
            link = server.whispers[-1]
            await door.commands(ERROR)
            await door.settle()
            private = bot(server.whispers[-1], only=True) + bot(link, only=True)
    await runner.cleanup()
    return {"slack-channel": shown, "slack-private": private}


def main(out: Path) -> None:
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("Chromium is needed to draw pictures")
    with tempfile.TemporaryDirectory() as folder:
        for name, body in asyncio.run(pages()).items():
            page = Path(folder) / f"{name}.html"
            page.write_text(FRAME.format(css=SLACK_CSS, body=body), encoding="utf-8")
            draw(browser, page, out / f"{name}.png")


def draw(browser: str, page: Path, picture: Path) -> None:
    """The page as tall as it is."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        window = play.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        tab = window.new_page(viewport={"width": 720, "height": 400}, device_scale_factor=1.5)
        tab.goto(page.as_uri())
        tab.screenshot(path=picture, full_page=True)
        window.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
