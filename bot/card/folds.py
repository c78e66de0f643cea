"""The parts of a card that stay folded until asked for: why this scope, other causes, the error itself, what support needs, the request."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from bot.card.handover import handover_text
from bot.card.labels import label, role_name
from bot.card.privacy import veil
from bot.card.types import Fact, Fold
from bot.diagnose.classify import titles
from bot.i18n import listed, say
from bot.model import Diagnosis, Link, Mode, Rival, Text

SHOWN_IDS = 5


def _why_fold(diagnosis: Diagnosis) -> Fold | None:
    choice = diagnosis.choice
    if choice is None or not (choice.recommended or choice.unknown):
        return None
    lines: list[Text] = []
    if choice.recommended:
        every = len(choice.recommended) > 1 and diagnosis.finding.scopes_mode is Mode.ALL
        lines.append(say("All of these are needed: {scopes}." if every else "Recommended: {scopes}.", scopes=listed(choice.recommended)))
    lines.append(choice.reason)
    if choice.alternatives:
        lines.append(say("Any one of these would also do: {scopes}.", scopes=listed(choice.alternatives)))
    for name in choice.unknown:
        similar = choice.similar.get(name)
        if similar:
            lines.append(say("Not in our list of scopes: {scope}. Did you mean {similar}?", scope=name, similar=similar))
        else:
            lines.append(say("Not in our list of scopes, so never asked for: {scope}.", scope=name))
    return Fold("why", label("Why this scope, and what else would do"), tuple(lines))


SHOWN_REMEDIES = 3
_SOURCES = 2


def _remedies_fold(diagnosis: Diagnosis) -> Fold | None:
    """The next likely remedies with what speaks for them, and what fixed it for others."""
    lines = [say("{who}: {what}", who=role_name(one.who), what=one.text) for one in diagnosis.remedies[:SHOWN_REMEDIES]]
    lead = diagnosis.remedies[0] if diagnosis.remedies else None
    if lead is None:
        return None
    lines += [say("Speaks for the first: {why}", why=one.text) for one in lead.evidence[:2] if one.weight > 0]
    seen = lead.seen
    if seen is None:
        return Fold("remedies", label("What may fix it, the likeliest first"), tuple(lines))
    lines.append(say("Fixed so in {fixed} of {of} public threads about this error.", fixed=seen.fixed, of=seen.of))
    links = tuple(Link("thread", url, say("Thread {number}", number=number)) for number, url in enumerate(seen.sources[:_SOURCES], 1))
    return Fold("remedies", label("What may fix it, the likeliest first"), tuple(lines), links=links)


def _handover_fold(diagnosis: Diagnosis) -> Fold:
    text = handover_text(diagnosis)
    return Fold("handover", label("A message for the one who can"), tuple(_lines(text)), copy=text)


def _lines(text: Text) -> list[Text]:
    return [Text(en, zh) for en, zh in zip(text.en.splitlines(), text.zh.splitlines(), strict=True)]


def rival_line(rival: Rival) -> Text:
    """Another possible cause, whose it would be, and what would tell."""
    return say("{cause} ({who}): {tells}", cause=titles()[rival.cause], who=role_name(rival.who_fixes), tells=rival.tells)


def _rivals_fold(diagnosis: Diagnosis) -> Fold | None:
    if not diagnosis.rivals:
        return None
    lines = [rival_line(rival) for rival in diagnosis.rivals]
    return Fold("rivals", label("Other possible causes, and what tells them apart"), tuple(lines))


def support_text(diagnosis: Diagnosis) -> Text:
    """The support bundle as text to copy: one line an item, what is missing said so."""
    missing = label("(still missing)")
    rows = [(item.name, item.value) for item in diagnosis.support]
    return Text(
        "\n".join(f"{name.en}: {missing.en if value is None else value}" for name, value in rows),
        "\n".join(f"{name.zh}：{missing.zh if value is None else value}" for name, value in rows),
    )


def _support_fold(diagnosis: Diagnosis) -> Fold | None:
    if not diagnosis.support:
        return None
    facts = tuple(Fact(item.name, item.value) for item in diagnosis.support)
    lacking = sum(1 for item in diagnosis.support if item.value is None)
    lines = (say("{count} of {total} still to be filled in.", count=lacking, total=len(facts)),) if lacking else ()
    return Fold("support", label("What support asks for"), lines, facts, copy=support_text(diagnosis))


def _quote(diagnosis: Diagnosis) -> str:
    """The platform's answer as it was where it was found whole, else what was read of it."""
    finding = diagnosis.finding
    return finding.hints.get("body") or finding.message


def _request_fold(diagnosis: Diagnosis, links: Sequence[Link], used: Collection[str]) -> Fold | None:
    finding = diagnosis.finding
    facts = [Fact(label("Request id"), request_id) for request_id in finding.request_ids[:SHOWN_IDS]]
    hidden = len(finding.request_ids) - len(facts) + int(finding.hints.get("more_ids", 0))
    lines = (say("Request ids that are not shown: {count}.", count=hidden),) if hidden > 0 else ()
    if finding.request_ids and (time := finding.hints.get("time")):
        facts.append(Fact(label("Time"), time))
    if len(finding.codes) > 1:
        facts.append(Fact(label("All codes"), ", ".join(finding.codes)))
    if finding.http_status is not None:
        facts.append(Fact(label("HTTP status"), str(finding.http_status)))
    if finding.app_id:
        facts.append(Fact(label("App"), finding.app_id))
    if finding.hints.get("api"):
        facts.append(Fact(label("API"), finding.hints["api"]))
    rest = tuple(link for link in links if link.url not in used)
    return Fold("request", label("The request, and links"), lines, tuple(facts), links=rest) if facts or rest else None


def folds(diagnosis: Diagnosis, notes: Sequence[Text], links: Sequence[Link], used: Collection[str], *, solved: bool) -> tuple[Fold, ...]:
    """All the parts that the asker may unfold, without the empty ones. `solved`: nothing is left to do."""
    quote = _quote(diagnosis)
    found = (
        None if solved else _remedies_fold(diagnosis),
        _why_fold(diagnosis),
        _rivals_fold(diagnosis),
        Fold("notes", label("Good to know"), tuple(notes)) if notes else None,
        Fold("error", label("The error, secrets masked"), quote=quote) if quote else None,
        None if solved or diagnosis.only_an_id else _handover_fold(diagnosis),
        _support_fold(diagnosis),
        _request_fold(diagnosis, links, used),
    )
    return tuple(fold for fold in found if fold is not None)


def public_folds(diagnosis: Diagnosis, hidden: re.Pattern[str] | None) -> tuple[Fold, ...]:
    """What a channel may unfold: the other possible causes, without names."""
    rivals = _rivals_fold(diagnosis)
    return (replace(rivals, lines=tuple(veil(line, hidden) for line in rivals.lines)),) if rivals else ()
