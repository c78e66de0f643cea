"""DingTalk shapes beside the drawn card: plain lines, the words that stand for buttons, templates of the robot API, a card's variables.

A message's buttons can only open addresses. What a button does elsewhere is asked for here with a word (`consent #k3J9xQ`); where the client
knows `dtmd://dingtalkclient/sendMessage` links, a tap sends that word for the person. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.card import CardView
from bot.card.labels import Tone, label
from bot.i18n import listed, say
from bot.model import Button, Locale, Reply, Text
from bot.render.escape import PAPERS

MOST_TITLE = 100  # characters, of the robot API's templates
MOST_TEXT = 5_000  # characters; the real limit is not documented
MOST_PARAM = 15_000  # bytes of msgParam
MOST_VALUE = 1_000  # bytes of a card's variable
TEXTS = 8  # variables text1 … text8
REF = 6  # characters of a card's id that tell it from others in the same chat

Body = dict[str, Any]

WORDS: Mapping[str, tuple[str, str]] = {
    "reauthorize": ("consent", "重新授权"), "check": ("check", "检查"), "ask_admin": ("ask-admin", "问管理员"), "details": ("details", "详情"),
    "support": ("support", "支持"), "share": ("share", "分享"), "helpful": ("helpful", "有用"), "unhelpful": ("unhelpful", "没用"),
    "mute": ("mute", "静音"), "revoke": ("withdraw", "撤回"), "handover": ("message", "转告"), "answer": ("answer", "回答"),
}  # fmt: skip
"""Each action's word, in English and in Chinese. Both are understood always."""
_ACTIONS = {word: action for action, words in WORDS.items() for word in words} | {
    "reauthorize": "reauthorize",
    "re-authorize": "reauthorize",
}
_WORD = re.compile(r"(?:/?whyforbidden\b[:：,，]?\s*)?(\S{2,20})(?:\s+([1-9]\d?))?(?:\s+[#＃]([A-Za-z0-9_-]{4,64}))?\s*", re.IGNORECASE)
_WHOLE = re.compile(r"(?:/?whyforbidden\b[:：,，]?\s*)?reauthorize\s+([A-Za-z0-9_-]{20,64})(?:\s+([0-9]{1,2}))?", re.IGNORECASE)
_PERSONAL = re.compile(r"(?:/?whyforbidden\b[:：,，]?\s*)?(?:grants|revoke|授权|我的授权|撤销)(?:\s|$)", re.IGNORECASE)
_TONES = {Tone.WAITING: "⏳", Tone.WORKING: "🔄", Tone.STOPPED: "⛔", Tone.PROVEN: "✅"}


@dataclass(frozen=True, slots=True)
class Word:
    """A button that was written: its action, which one of several, and the beginning of the card's id (empty: the newest card)."""

    action: str
    index: int
    ref: str


def read_word(text: str) -> Word | None:
    """`consent`, `consent 2 #k3J9xQ`, with or without `/whyforbidden` in front; None for everything else.

    `reauthorize` with a whole id (and an index) is what drawn cards name. `mute` alone is a command about the chat; only with a card's id
    it is that card's button.
    """
    if whole := _WHOLE.fullmatch(text.strip()) if len(text) < 120 else None:
        return Word("reauthorize", int(whole.group(2) or 0), whole.group(1))
    found = _WORD.fullmatch(text) if len(text) < 120 else None
    action = _ACTIONS.get(found.group(1).lower()) if found else None
    if found is None or action is None or (action == "mute" and not found.group(3)):
        return None
    return Word(action, int(found.group(2) or 1) - 1, found.group(3) or "")


def word_of(action: str, locale: Locale) -> str:
    """The word for an action in a language."""
    return WORDS[action][locale == "zh"]


def is_personal(text: str) -> bool:
    """Whether the answer to a command concerns the asker's own consents, and is nobody else's business."""
    return len(text) < 200 and bool(_PERSONAL.match(text))


# ---------------------------------------------------------------- messages


def message(reply: Reply) -> Body:
    """The body of a drawn reply (`msgtype` and its part)."""
    return dict(reply.body) if isinstance(reply.body, Mapping) else markdown(reply.fallback, reply.body)


def markdown(title: str, text: str) -> Body:
    """A Markdown message; `title` is what the list of chats shows."""
    return {"msgtype": "markdown", "markdown": {"title": title[:MOST_TITLE] or "whyforbidden", "text": text}}


def line(sentence: Text, locale: Locale) -> Body:
    """One or more sentences of ours. Foreign words in them are seen, not obeyed."""
    paper = PAPERS["dingtalk"](locale, 1.0)
    return markdown(paper.plain(sentence, MOST_TITLE), paper.prose(sentence, 2800))


def to_copy(sentence: Text, text: Text, locale: Locale) -> Body:
    """A sentence, and below it text letter by letter: a plain message, in which nothing is markup."""
    return {"msgtype": "text", "text": {"content": f"{sentence.in_(locale)}\n\n{text.in_(locale)}"[:4000]}}


def with_words(body: Body, buttons: Sequence[Button], card_id: str, locale: Locale, *, private: bool) -> Body:
    """A drawn message with a line of words at its end, one for each button that is no link."""
    part = body.get(str(body.get("msgtype")))
    offered = [button for button in buttons if not button.url and button.action in WORDS]
    if not offered or not isinstance(part, Mapping) or "text" not in part:
        return body
    paper, ref = PAPERS["dingtalk"](locale, 1.0), card_id[:REF]
    consents = [button for button in offered if button.action == "reauthorize"]
    lines = []
    for button in consents:
        word = word_of("reauthorize", locale) + (f" {button.index + 1}" if len(consents) > 1 else "")
        said = (
            say("reply with the word {word}, and I give you your personal link.", word=word)
            if private
            else say("mention me with the word {word}, and I send you your personal link in a direct message.", word=word)
        )
        lines.append(f"**{_link(paper.plain(button.label, 70), f'{word} #{ref}')}**: {paper.prose(said, 300)}")
    answers = [button for button in offered if button.action == "answer"]
    if answers:
        word = word_of("answer", locale)
        lines.append(" · ".join(_link(paper.plain(one.label, 70), f"{word} {one.index + 1} #{ref}") for one in answers))
    others = [button for button in offered if button.action not in ("reauthorize", "answer")]
    if others:
        lines.append(" · ".join(_link(paper.plain(button.label, 70), f"{word_of(button.action, locale)} #{ref}") for button in others))
        names = listed(word_of(button.action, locale) for button in others)
        said = (
            say("Where these cannot be tapped, send one of the words: {names}.", names=names)
            if private
            else say("Where these cannot be tapped, mention me with one of the words: {names}.", names=names)
        )
        lines.append(f"*{paper.prose(said, 300)}*")
    tail = "\n\n".join(["", "---", *lines])
    # the drawn card names a word of its own, with the whole id, for a direct chat: ours is shorter, and does in groups too
    known = str(paper.prose(label("To re-authorize, send me in a direct chat:")))
    drawn = "\n\n".join(piece for piece in str(part["text"]).rstrip("\n").split("\n\n") if not piece.lstrip().startswith(known))
    text = _short(drawn, MOST_TEXT - len(tail), label("…(shortened, see details)").in_(locale)) + tail
    return {**body, str(body["msgtype"]): {**part, "text": text}}


def _short(text: str, most: int, tail: str) -> str:
    """Cut between paragraphs, and say so."""
    if len(text) <= most:
        return text
    head = text[: most - len(tail) - 2]
    return head[: max(head.rfind("\n\n"), most // 2)].rstrip() + "\n\n" + tail


def with_mention(body: Body, user: str) -> Body:
    """The same, calling the asker's attention in a group. Only for the session's own address, and for a user id of harmless letters."""
    part = body.get("markdown")
    if not isinstance(part, Mapping) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", user):
        return body
    return {**body, "markdown": {**part, "text": f"@{user}\n\n{part['text']}"}, "at": {"atUserIds": [user], "isAtAll": False}}


def _link(words: Any, word: str) -> str:
    return f"[{words}](dtmd://dingtalkclient/sendMessage?content={quote(word, safe='')})"


# ---------------------------------------------------------------- the robot API


def template(body: Body) -> tuple[str, str]:
    """`msgKey` and `msgParam` of the robot API for a message body."""
    kind = str(body.get("msgtype"))
    part: Mapping[str, Any] = body.get(kind) if isinstance(body.get(kind), Mapping) else {}  # type: ignore[assignment]
    if kind == "text":
        return "sampleText", _param({"content": str(part.get("content", ""))}, "content")
    values = {"title": str(part.get("title", ""))[:MOST_TITLE] or "whyforbidden", "text": str(part.get("text", ""))}
    buttons = [(str(one.get("title")), str(one.get("actionURL"))) for one in part.get("btns", ())]
    if part.get("singleURL"):
        return "sampleActionCard", _param({**values, "singleTitle": str(part["singleTitle"]), "singleURL": str(part["singleURL"])}, "text")
    if 2 <= len(buttons) <= 5:
        for number, (title, url) in enumerate(buttons, start=1):
            values |= {f"actionTitle{number}": title, f"actionURL{number}": url}
        return f"sampleActionCard{len(buttons)}", _param(values, "text")
    links = "".join(f"\n\n[{title}]({url})" for title, url in buttons)
    return "sampleMarkdown", _param(values, "text", links)


def _param(values: Mapping[str, str], long: str, tail: str = "") -> str:
    """The parameters as JSON text, `tail` behind the long one, which is shortened until all fits."""
    text = values[long]
    while len((param := json.dumps({**values, long: text + tail}, ensure_ascii=False)).encode()) > MOST_PARAM:
        text = text[: int(len(text) * 0.9)].rstrip() + "…"
    return param


# ---------------------------------------------------------------- the state of a consent


def news(view: CardView, locale: Locale) -> Body | None:
    """A short message about what became of a consent, for chats in which a message cannot be changed any more."""
    if view.state is None:
        return None
    paper = PAPERS["dingtalk"](locale, 1.0)
    head = f"{_TONES[view.state.tone]} {paper.plain(view.state.label, 60)} · {paper.plain(view.title, 140)}"
    details = [f"- {paper.prose(detail, 300)}" for detail in view.state.details]
    return markdown(head, "\n\n".join([f"#### {head}", str(paper.prose(view.state.sentence, 600)), *details]))


# ---------------------------------------------------------------- interactive cards


def card_values(reply: Reply, view: CardView, locale: Locale) -> dict[str, str]:
    """The variables of an interactive card. Everything is text; what is not needed is empty, so that an update leaves nothing old behind."""
    body = message(reply)
    part: Mapping[str, Any] = body.get(str(body.get("msgtype")), {})
    paper = PAPERS["dingtalk"](locale, 1.0)
    values = {"title": _bytes(str(part.get("title", "")), MOST_VALUE), "colour": view.colour.value, "tag": ""}
    values["tag"] = str(paper.plain(view.tag, 40)) if view.tag else ""
    pieces = _pieces(str(part.get("text", "")), label("…(shortened, see details)").in_(locale))
    values |= {f"text{number}": pieces[number - 1] if number <= len(pieces) else "" for number in range(1, TEXTS + 1)}
    links = [(one["title"], one["actionURL"]) for one in part.get("btns", ())] or [(part.get("singleTitle", ""), part.get("singleURL", ""))]
    values |= {"link_label": str(links[0][0]), "link_url": _bytes(str(links[0][1]), MOST_VALUE)}
    offered: dict[str, str] = {}
    for button in view.buttons():
        if button is not None and not button.url and button.action in WORDS:
            name = button.action + (f"_{button.index + 1}" if button.index else "")
            offered.setdefault(name, str(paper.plain(button.label, 70)))
    for name in (*WORDS, "reauthorize_2", "reauthorize_3"):
        values |= {f"show_{name}": "true" if name in offered else "false", f"label_{name}": offered.get(name, "")}
    return values


def delivery(template_id: str, card_id: str, values: Mapping[str, str], *, chat: str, user: str, robot: str) -> Body:
    """The request that creates a card and puts it into a group (`user` empty) or into one person's chat with the robot."""
    space: Body = (
        {"openSpaceId": f"dtv1.card//IM_ROBOT.{user}", "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": robot}}
        if user
        else {"openSpaceId": f"dtv1.card//IM_GROUP.{chat}", "imGroupOpenDeliverModel": {"robotCode": robot}}
    )
    return {
        "cardTemplateId": template_id,
        "outTrackId": card_id,
        "callbackType": "STREAM",
        "cardData": {"cardParamMap": dict(values)},
        "userIdType": 1,
        "imRobotOpenSpaceModel" if user else "imGroupOpenSpaceModel": {"supportForward": False},
        **space,
    }


def callback_answer(values: Mapping[str, str] | None, notice: str) -> Body:
    """What goes back for a click: the card's new values for everybody, and a word for the one who clicked."""
    answer: Body = {
        "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        "userPrivateData": {"cardParamMap": {"notice": _bytes(notice, MOST_VALUE)}},
    }
    if values:
        answer["cardData"] = {"cardParamMap": dict(values)}
    return answer


def _pieces(text: str, tail: str) -> list[str]:
    """A text in pieces of at most 1,000 bytes, cut between paragraphs, else between lines, else anywhere; too long: cut in plain sight."""
    out: list[str] = [""]
    for paragraph in text.split("\n\n"):
        for part in _split(paragraph):
            joined = f"{out[-1]}\n\n{part}" if out[-1] else part
            if len(joined.encode()) <= MOST_VALUE:
                out[-1] = joined
            else:
                out.append(part)
    if len(out) > TEXTS:
        out = [*out[: TEXTS - 1], _bytes(out[TEXTS - 1], MOST_VALUE - len(tail.encode()) - 1) + " " + tail]
    return out


def _split(paragraph: str) -> list[str]:
    out = []
    while len(paragraph.encode()) > MOST_VALUE:
        head = _bytes(paragraph, MOST_VALUE)
        at = head.rfind("\n")
        head = head[:at] if at > MOST_VALUE // 4 else head
        out.append(head)
        paragraph = paragraph[len(head) :].lstrip("\n")
    return [*out, paragraph]


def _bytes(text: str, most: int) -> str:
    return text.encode()[:most].decode(errors="ignore")
