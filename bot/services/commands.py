"""People's own control: what one has granted, taking it back, quiet in a chat, and the words by which every door is asked for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.catalog import catalog
from bot.consent.machine import State, Withdrawn, same_person
from bot.consent.messages import few
from bot.i18n import joined, say
from bot.model import App, Finding, Locale, Person, Question, Text
from bot.oauth.messages import PlatformRefusal
from bot.patterns import lazy
from bot.ports import StoredToken
from bot.redact.masked import Masked
from bot.services import answer, consent_plan, consent_runner, device_grant, document_access, present
from bot.services.context import Context, platform_title
from bot.services.results import Answer, Grant

ALL = "*"
_PREFIX = lazy(r"^\s*/?whyforbidden\b[:：,，]?\s*", re.IGNORECASE)
_WORDS = {
    "help": "help", "?": "help", "帮助": "help",
    "grants": "grants", "授权": "grants", "我的授权": "grants",
    "mute": "mute", "静音": "mute",
    "unmute": "unmute", "取消静音": "unmute",
    "revoke": "revoke", "撤销": "revoke",
    "device": "device",
}  # fmt: skip
_CHINESE = lazy(r"[\u4e00-\u9fff]")
_CODE = lazy(r"^[A-Za-z0-9._-]{2,80}$")


async def command(context: Context, question: Question) -> Answer:
    """What follows `/whyforbidden`: one of a few words, a code, a request id, a document's address, or simply the error."""
    called = _PREFIX.match(question.text)
    text = question.text[called.end() if called else 0 :].strip()
    word, _, rest = text.partition(" ")
    asked = replace(question, text=text, direct=True)
    locale = question.locale or ("zh" if _CHINESE.search(word) else context.locale)
    link = ""
    match _WORDS.get(word.lower()) if len(text) < 200 else None:
        case "help":
            said = usage()
        case "grants":
            said = await _grants_said(context, question.asker)
        case "mute":
            said = await mute(context, asked, everything=rest.strip().lower() in ("all", "全部"))
        case "unmute":
            said = await unmute(context, asked)
        case "revoke":
            said = await _revoke_said(context, question.asker, rest.strip())
        case "device":
            said, link = await device_grant.begin(context, asked)
        case _:
            return await _question(context, asked, text, locale)
    return await answer.say_it(context, asked, said, locale, text=text, link=link)


async def _question(context: Context, asked: Question, text: Masked, locale: Locale) -> Answer:
    if len(text) < 400 and (said := await document_access.about(context, asked.asker, *text.split())) is not None:
        return await answer.say_it(context, asked, said, locale, text=text)
    if _CODE.match(text) and (known := catalog().platforms_of(text)):
        findings = [Finding(platform, (text,)) for platform in known]
        return await answer.about(context, asked, findings, locale)
    found = await answer.answer(context, asked)
    # a direct question always has an answer; this one only says so to the type checker
    return found or await answer.say_it(context, asked, usage(), locale, text=text)


def is_word(text: str) -> bool:
    """Whether a text is one of the few words that every door knows, with or without more behind it."""
    return len(text) < 200 and _PREFIX.sub("", text, count=1).strip().partition(" ")[0].lower() in _WORDS


def usage() -> Text:
    """What one can ask."""
    return joined(
        [
            say("Paste an error, a log_id or an error code, and I say what is missing, who can fix it and where to click."),
            say("“grants” lists what you have consented to here, “revoke” takes it back, “mute” and “unmute” are about this chat."),
        ]
    )


# ---------------------------------------------------------------- grants


async def grants(context: Context, person: Person) -> tuple[Grant, ...]:
    """What a person has consented to through this bot, and what is still kept of it."""
    return tuple(_grant(context, row) for row in await context.store.tokens_of(person))


def _grant(context: Context, row: StoredToken) -> Grant:
    app = context.app(row.platform, row.app_id) or App(row.platform, row.app_id)
    return Grant(row.platform, row.app_id, app.name or row.app_id, platform_title(app), row.subject, tuple(sorted(row.scopes)), row.granted)


async def _grants_said(context: Context, person: Person | None) -> Text:
    mine = await grants(context, person) if person else ()
    if not mine:
        return say("You have no consent here that I keep a token of.")
    lines = [
        say(
            "{number}. {app} on {platform}: {scopes} (since {day}).",
            number=number,
            app=one.app_name,
            platform=one.platform_title,
            scopes=few(one.scopes),
            day=one.granted.date().isoformat() if one.granted else "?",
        )
        for number, one in enumerate(mine, start=1)
    ]
    lines += [advice for advice in dict.fromkeys(present.kept_there(context, one.platform, one.app_id) for one in mine) if advice]
    lines.append(say("Take one back with “revoke” and its number."))
    return joined(lines)


async def _revoke_said(context: Context, person: Person | None, which: str) -> Text:
    mine = await grants(context, person) if person else ()
    if person is None or not mine:
        return say("You have no consent here that I keep a token of.")
    chosen = _chosen(mine, which)
    if not chosen:
        return joined([say("Which one? Write “revoke” and its number."), await _grants_said(context, person)])
    withdrawn = [await revoke(context, person, one) for one in chosen]
    if all(withdrawn):
        return say("Withdrawn, here and on the platform. I have forgotten the token.")
    standing = [present.withdrawing(context, one.platform, one.app_id) for one, gone in zip(chosen, withdrawn, strict=True) if not gone]
    return joined([say("I have forgotten the token."), *dict.fromkeys(standing)])


def _chosen(mine: Sequence[Grant], which: str) -> tuple[Grant, ...]:
    if which.lower() in ("all", "全部"):
        return tuple(mine)
    if not which:
        return tuple(mine) if len(mine) == 1 else ()
    if which.isascii() and which.isdigit():
        return tuple(mine[int(which) - 1 : int(which)]) if 0 < int(which) <= len(mine) else ()
    return tuple(one for one in mine if which.casefold() in (one.app_id.casefold(), one.app_name.casefold()))


async def revoke(context: Context, person: Person, grant: Grant) -> bool:
    """Forget a person's token and withdraw it where the platform offers that; True when it did. Their cards say so."""
    app, kept = context.app(grant.platform, grant.app_id), await context.store.token(grant.platform, grant.app_id, grant.account, person)
    if kept is None:
        return False
    token = context.token(kept)
    await context.store.drop_token(grant.platform, grant.app_id, grant.account, person)
    await context.audit(person, "grant.revoked", platform=grant.platform, app=grant.app_id, account=grant.account)
    try:
        there = app is not None and token is not None and await consent_runner.withdraw(context, app, token)
    except PlatformRefusal:
        there = False
    await _tell_cards(context, person, grant, there=there)
    return there


async def _tell_cards(context: Context, person: Person, grant: Grant, *, there: bool) -> None:
    """Consents of this person for this app that are shown as given, in the chats where they are known to stand."""
    for flow_id in await context.store.flows_in((str(State.GRANTED), str(State.PROVEN), str(State.INSUFFICIENT))):
        kept = await consent_runner.load(context, flow_id)
        if kept and same_person(kept[0].person, person) and (kept[0].platform, kept[0].app_id) == (grant.platform, grant.app_id):
            await consent_runner.happen(context, flow_id, Withdrawn(context.now(), there), actor=person)
            await consent_runner.drive(context, flow_id)


# ---------------------------------------------------------------- quiet


async def mute(context: Context, question: Question, *, everything: bool = False) -> Text:
    """Do not answer the newest error of this chat here any more, unless asked; or nothing at all."""
    if question.place is None or question.asker is None:
        return say("There is no chat here to be quiet in.")
    needs = [ALL] if everything else [card.need for card in await context.store.cards_in(question.place, 20) if card.need][-1:]
    if not needs:
        return say("I have answered nothing in this chat yet. “mute all” keeps me quiet altogether unless I am asked.")
    await context.store.mute(question.place, needs[0], None if everything else context.now() + consent_plan.MUTE, question.asker)
    await context.audit(question.asker, "muted", need=needs[0], chat=question.place.chat)
    if everything:
        return say("Quiet here from now on, unless somebody asks me. Write “unmute” to undo it.")
    return say("Quiet for 30 days: I no longer answer this error here unless somebody asks me. Write “unmute” to undo it.")


async def unmute(context: Context, question: Question) -> Text:
    """Answer again what was muted in this chat."""
    if question.place is None or question.asker is None:
        return say("There is no chat here to be quiet in.")
    needs = {card.need for card in await context.store.cards_in(question.place, 200) if card.need}
    for need in sorted({ALL, *needs}):
        if await context.store.muted(question.place, need, context.now()):
            await context.store.mute(question.place, need, context.now(), question.asker)
    await context.audit(question.asker, "unmuted", chat=question.place.chat)
    return say("I answer errors in this chat again.")


# ---------------------------------------------------------------- the audit


async def audit(context: Context, since: datetime | None = None) -> Sequence[Any]:
    """Who offered, clicked and consented to what, when; each row is ready for JSON lines."""
    return await context.store.audit_rows(since)
