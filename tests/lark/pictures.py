"""The picture of docs/lark.md: `python -m tests.lark.pictures OUT`. What the door really sends, drawn as the Feishu and Lark clients draw it."""

from __future__ import annotations

import asyncio
import html
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.model import Locale
from tests.gallery import FONT, HEADS, LARK_CSS, lark, lark_markdown
from tests.lark.conftest import house
from tests.lark.made import ERROR, GROUP, buttons, click, message
from tests.lark.platform import BOT, OpenPlatform, listening, until

CHROMIUM = "/usr/bin/chromium"
CSS = (
    "body{{margin:0;padding:20px;background:#fff;font:14px/1.5 {font};color:#1f2329;display:grid;grid-template-columns:560px 560px;gap:36px;width:1156px}}"
    ".col{{display:grid;gap:14px;align-content:start}}.m{{display:grid;grid-template-columns:36px 1fr;gap:10px}}"
    ".pic{{width:36px;height:36px;border-radius:50%;background:#3370ff;color:#fff;display:grid;place-items:center;font-weight:600}}"
    ".pic.bot{{background:#0f766e}}.w{{font-size:12px;color:#8f959e;margin-bottom:3px}}.t{{background:#f2f3f5;border-radius:8px;padding:8px 12px;word-break:break-word}}"
    ".alone{{font-size:12px;color:#8f959e;margin-top:4px}}.toast{{justify-self:center;background:#1f2329;color:#fff;border-radius:8px;padding:9px 18px}}"
)
WORDS: Mapping[str, tuple[str, str, str, str]] = {
    "en": ("Alice", "@whyforbidden why?", "Only visible to you", "Bot"),
    "zh": ("李华", "@whyforbidden 这是为什么？", "仅对你可见", "机器人"),
}


def small(card: Mapping[str, Any], locale: Locale) -> str:
    """A card in the older form, as only one person sees it."""
    language = "zh_cn" if locale == "zh" else "en_us"
    out = []
    for element in card["i18n_elements"][language]:
        match element["tag"]:
            case "markdown":
                out.append(f"<div>{lark_markdown(element['content'])}</div>")
            case "action":
                made = [
                    f'<button class="{"p" if one["type"] == "primary" else ""}">{html.escape(one["text"]["content"])}</button>'
                    for one in element["actions"]
                ]
                out.append(f'<div class="row">{"".join(made)}</div>')
    back, ink = HEADS[card["header"]["template"]]
    title = html.escape(card["header"]["title"]["i18n"][language])
    return f'<div class="lk"><div class="h" style="background:{back};color:{ink}">{title}</div><div class="b">{"".join(out)}</div></div>'


def said(name: str, inside: str, *, bot: str = "", alone: str = "") -> str:
    """One message of the chat."""
    tag = f" · {bot}" if bot else ""
    below = f'<div class="alone">👁 {alone}</div>' if alone else ""
    return f'<div class="m"><div class="pic {"bot" if bot else ""}">{"?" if bot else name[0]}</div><div><div class="w">{name}{tag}</div>{inside}{below}</div></div>'


async def scene(locale: Locale) -> str:
    """A question in a group, the answer, the click, and what only the clicker sees."""
    who, asked, alone, robot = WORDS[locale]
    lark_platform = OpenPlatform()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        async with listening(lark_platform.app()) as base:
            lark_platform.base = base
            async with house(Path(folder), lark_platform, locale=locale) as one:
                await one.deliver(message(f"{asked}\n{ERROR}", chat=GROUP, mention=BOT))
                await until(lark_platform.answers)
                (answer,) = lark_platform.answers()
                first = lark(answer["content"], locale)
                await asyncio.sleep(0.3)
                toast = await one.deliver(click(buttons(answer["content"])["reauthorize"], message_id=answer["id"], chat=GROUP))
                await until(lambda: lark_platform.alone)
        os.chdir("/")
    bubble = f'<div class="t">{html.escape(asked)}<br><code>{html.escape(ERROR[:170])}…</code></div>'
    left = said(who, bubble) + said("whyforbidden", first, bot=robot)
    word = toast["toast"]["i18n"]["zh_cn" if locale == "zh" else "en_us"]
    right = (
        f'<div class="toast">{html.escape(word)}</div>'
        + said("whyforbidden", small(lark_platform.alone[0]["card"], locale), bot=robot, alone=alone)
        + said("whyforbidden", lark(toast["card"]["data"], locale), bot=robot)
    )
    page = f'<div class="col">{left}</div><div class="col">{right}</div>'
    return f'<!doctype html><meta charset="utf-8"><style>{CSS.format(font=FONT)}{LARK_CSS}</style>{page}'


def main(out: Path) -> None:
    """Draw both languages."""
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for locale in ("en", "zh"):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.html"
            page.write_text(asyncio.run(scene(locale)), encoding="utf-8")
            subprocess.run(
                [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                 "--window-size=1200,860", f"--screenshot={out / f'lark-group-{locale}.png'}", page.as_uri()],
                check=True, capture_output=True,
            )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
