"""Look at the cards: `python -m tests.gallery OUT` writes HTML pages (and pictures, when Chromium is there) of our HTML fragments, and of
our Lark and Slack JSON drawn the way those clients do. For eyes, not for assertions.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from bot.card import nothing, notice
from bot.model import Button, Locale, Text
from bot.render import render
from tests.fixtures import DIAGNOSES, consents, rate_limit

DATA = Path(__file__).parent / "data"
CSS = (Path(__file__).parents[1] / "templates" / "web" / "static" / "card.css").read_text(encoding="utf-8")
FONT = 'system-ui, "Noto Sans", "PingFang SC", "Noto Sans CJK SC", sans-serif'

PAGE = """<!doctype html><html data-theme="{theme}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>{css}</style><body>{body}</body></html>"""
LOOK = (
    "body{{margin:0;padding:16px;font:15px/1.5 {font};background:{page};color:{ink};display:grid;gap:18px;justify-content:center;"
    "grid-template-columns:minmax(0,680px)}}"
)
PALETTE = {"light": ("#f5f6f8", "#1c2024"), "dark": ("#111418", "#eceff3")}


def cards(surface: str, locale: Locale, only: str = "") -> list[Any]:
    """A representative set of replies for one surface."""
    lark = DIAGNOSES["lark-user-scope"]
    made = [render([maker()], surface, locale, card_id="c1").body for maker in DIAGNOSES.values()]
    made += [render([lark(), rate_limit()], surface, locale, card_id="c1", consent=view).body for view in consents().values()]
    made.append(render([lark()], surface, locale, card_id="c1", audience="channel").body)
    made.append(render([lark()], surface, locale, card_id="", unfold=True).body)
    made.append(render(nothing(), surface, locale).body)
    link = Button("open", Text("Continue", "继续"), url="https://why.example.com/consent/abc", primary=True)
    made.append(render(notice(Text("This link is yours alone.", "这个链接只属于你。"), buttons=[link]), surface, locale).body)
    return made[: int(only)] if only else made


# ---------------------------------------------------------------- Lark, as its client draws card JSON 2.0

HEADS = {
    "blue": ("#e1eaff", "#0c296e"),
    "violet": ("#ece2fe", "#380d82"),
    "orange": ("#feead2", "#6b3900"),
    "yellow": ("#faf1d1", "#5c3a00"),
    "carmine": ("#fde2f3", "#7b0e4c"),
    "grey": ("#eff0f1", "#373c43"),
    "green": ("#d9f5d6", "#124b0c"),
    "default": ("#ffffff", "#1f2329"),
}
LARK_CSS = (DATA / "lark_client.css").read_text(encoding="utf-8")


def lark_markdown(text: str) -> str:
    out = html.escape(text, quote=False)
    out = re.sub(r"&lt;font color='grey'&gt;(.*?)&lt;/font&gt;", r'<span class="grey">\1</span>', out, flags=re.DOTALL)
    out = re.sub(r"`([^`]+)`", r"<code>\1</code>", out)
    out = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r'<a href="\2">\1</a>', out)
    out = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", out)
    return out.replace("\n", "<br>").replace("&amp;#", "&#")


def lark(card: Mapping[str, Any], locale: Locale) -> str:
    key = "zh_cn" if locale == "zh" else "en_us"

    def words(value: Mapping[str, Any]) -> str:
        text = value["i18n_content"][key]
        return lark_markdown(text) if value["tag"] in ("markdown", "lark_md") else html.escape(text)

    def element(value: Mapping[str, Any], opened: bool = False) -> str:
        size = "n" if value.get("text_size") == "notation" or value.get("text", {}).get("text_size") == "notation" else ""
        match value["tag"]:
            case "markdown":
                return f'<div class="{size}">{words(value)}</div>'
            case "div":
                return f'<div class="{size} grey" style="white-space:pre-wrap">{words(value["text"])}</div>'
            case "column_set":
                return f'<div class="row">{"".join(element(item) for column in value["columns"] for item in column["elements"])}</div>'
            case "button":
                return f'<button class="{"p" if value["type"] == "primary_filled" else ""}">{words(value["text"])}</button>'
            case "collapsible_panel":
                inner = "".join(map(element, value["elements"]))
                return f'<div class="fold"><b class="n">{words(value["header"]["title"])} ⌄</b><div class="in">{inner}</div></div>'
        raise ValueError(value["tag"])

    back, ink = HEADS[card["header"]["template"]]
    tags = "".join(f'<span class="tag">{words(tag["text"])}</span>' for tag in card["header"].get("text_tag_list", []))
    body = "".join(map(element, card["body"]["elements"]))
    head = f'<div class="h" style="background:{back};color:{ink}">{words(card["header"]["title"])}{tags}</div>'
    return f'<div class="lk">{head}<div class="b">{body}</div></div>'


# ---------------------------------------------------------------- Slack, as its client draws Block Kit

SLACK_CSS = (DATA / "slack_client.css").read_text(encoding="utf-8")


def mrkdwn(text: str) -> str:
    def line(part: str) -> str:
        part = re.sub(r"&lt;(https?[^|]+?)\|(.+?)&gt;", r'<a href="\1">\2</a>', part.replace("<", "&lt;").replace(">", "&gt;"))
        part = re.sub(r"`([^`]+)`", r"<code>\1</code>", part)
        part = re.sub(r"(?<!\w)\*([^*\n]+)\*", r"<b>\1</b>", part)
        return re.sub(r"(?<!\w)_([^_\n]+)_(?!\w)", r"<i>\1</i>", part).replace("\n", "<br>")

    pieces = text.split("```")
    return "".join(f"<pre>{piece.strip(chr(10))}</pre>" if index % 2 else line(piece) for index, piece in enumerate(pieces))


def slack(message: Mapping[str, Any], _locale: Locale) -> str:
    def words(value: Mapping[str, Any]) -> str:
        return mrkdwn(value["text"]) if value["type"] == "mrkdwn" else html.escape(value["text"])

    out = []
    for block in message["blocks"]:
        match block["type"]:
            case "header":
                out.append(f"<h2>{words(block['text'])}</h2>")
            case "section" if "fields" in block:
                out.append(f'<div class="f">{"".join(f"<div>{words(field)}</div>" for field in block["fields"])}</div>')
            case "section":
                out.append(f"<div>{words(block['text'])}</div>")
            case "context":
                out.append(f'<div class="c">{"".join(f"<span>{words(item)}</span>" for item in block["elements"])}</div>')
            case "divider":
                out.append("<hr>")
            case "actions":
                buttons = "".join(
                    f'<button class="{"p" if "style" in item else ""}">{words(item["text"])}</button>' for item in block["elements"]
                )
                out.append(f'<div class="row">{buttons}</div>')
    return f'<div class="sl">{"".join(out)}</div>'


DRAW: Mapping[str, tuple[str, Callable[[Any, Locale], str]]] = {
    "html": (CSS, lambda body, _: str(body)),
    "lark": (LARK_CSS, lark),
    "slack": (SLACK_CSS, slack),
}


def page(surface: str, locale: Locale, theme: str, bodies: list[Any]) -> str:
    """One page of cards."""
    css, draw = DRAW[surface]
    back, ink = PALETTE[theme]
    return PAGE.format(
        theme=theme, css=LOOK.format(font=FONT, page=back, ink=ink) + css, body="".join(draw(body, locale) for body in bodies)
    )


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    browser = shutil.which("chromium")
    for surface in DRAW:
        for locale in ("en", "zh"):
            for theme in ("light", "dark") if surface == "html" else ("light",):
                file = out / f"{surface}-{locale}-{theme}.html"
                file.write_text(page(surface, cast("Locale", locale), theme, cards(surface, cast("Locale", locale))), encoding="utf-8")
                for width in (390, 760) if browser else ():
                    picture = out / f"{surface}-{locale}-{theme}-{width}.png"
                    subprocess.run(
                        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                         f"--window-size={width},{5200}", f"--screenshot={picture}", file.as_uri()],
                        check=True, capture_output=True,
                    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]))
