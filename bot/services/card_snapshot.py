"""A card as it is kept: what was read (redacted) and what was known then. Drawing it again re-runs the pure thinking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.catalog import catalog
from bot.consent.flow import person_key, person_row, same_person
from bot.diagnose import diagnose
from bot.model import App, AppFacts, Claims, Diagnosis, Facts, Finding, Identity, Mode, Person, Text
from bot.ports import Card
from bot.redact.masked import NOTHING, Masked, masked_only

MOST_FINDINGS = 12
MOST_MESSAGE = 4000
MOST_IDS = 20
"""Request ids of an error that a card keeps; the store knows more of them (`answering.MOST_IDS`)."""
VERSION = 1


def make(
    findings: Sequence[Finding],
    facts: Facts,
    *,
    why: Text | None = None,
    said: Text | None = None,
    first: Text | None = None,
    asker: Person | None = None,
    private: bool = False,
    text: Masked = NOTHING,
    link: str = "",
) -> dict[str, Any]:
    """What a card needs to be drawn again. `why`: nothing was found, and the reason; `said`: the card is a sentence of ours; `first`: what only this chat's history
    suggests, said before anything else; `text`: what was asked, for surfaces that show their own history. Raises `TypeError` where it is not masked."""
    masked_only(text)
    return {
        "v": VERSION,
        "findings": [finding_row(finding) for finding in findings[:MOST_FINDINGS]],
        "facts": facts_row(facts),
        "why": text_row(why),
        "said": text_row(said),
        "first": text_row(first),
        "askers": [person_row(asker)] if asker else [],
        "flows": {},
        "private": private,
        "text": text[:MOST_MESSAGE],
        "link": link,
    }


def diagnoses(snapshot: Mapping[str, Any], apps: tuple[App, ...], now: datetime | None) -> tuple[Diagnosis, ...]:
    """Think again about what was read, with what was known then and the apps that are configured now."""
    findings = [read_finding(row) for row in snapshot.get("findings", ())]
    if not findings:
        return ()
    return diagnose(findings, catalog(), read_facts(snapshot.get("facts") or {}, apps, now))


def answers(snapshot: Mapping[str, Any]) -> dict[str, str]:
    """The answers that were given to the card's questions: question id → answer id."""
    given = (snapshot.get("facts") or {}).get("answers") or {}
    return {str(question): str(answer) for question, answer in given.items()}


def with_answer(card: Card, question: str, answer: str) -> Card:
    """The card, with one more answer."""
    facts = {**(card.snapshot.get("facts") or {}), "answers": {**answers(card.snapshot), question: answer}}
    return replace(card, snapshot={**card.snapshot, "facts": facts})


# ---------------------------------------------------------------- who was asked


def askers(card: Card) -> tuple[Person, ...]:
    """Everybody whose paste this card answers."""
    rows = [Person(**row) for row in card.snapshot.get("askers", ())]
    if card.asker is not None and not any(same_person(card.asker, one) for one in rows):
        rows.insert(0, card.asker)
    return tuple(rows)


def was_asked(card: Card, person: Person) -> bool:
    """May this person use the card's buttons? Only those who asked."""
    return any(same_person(person, one) for one in askers(card))


def with_asker(card: Card, person: Person) -> Card:
    """The card, answering one more person."""
    if was_asked(card, person):
        return card
    rows = [person_row(one) for one in (*askers(card), person)]
    return replace(card, asker=card.asker or person, snapshot={**card.snapshot, "askers": rows})


def with_newest(card: Card, findings: Sequence[Finding], text: str) -> Card:
    """The card, holding the newest paste about the same need: whoever looks the call up needs its latest request id."""
    rows = [finding_row(finding) for finding in findings[:MOST_FINDINGS]]
    return replace(card, snapshot={**card.snapshot, "findings": rows, "text": text[:MOST_MESSAGE]})


def with_name(card: Card, person: Person) -> Card:
    """The card, with the name of somebody whom it answers, where that was not known."""
    rows = [replace(one, name=person.name) if same_person(one, person) and not one.name else one for one in askers(card)]
    asker = next((one for one in rows if card.asker is not None and same_person(one, card.asker)), card.asker)
    return replace(card, asker=asker, snapshot={**card.snapshot, "askers": [person_row(one) for one in rows]})


def flow_of(card: Card, person: Person) -> str:
    """The person's newest consent on this card; empty when there is none."""
    return str(card.snapshot.get("flows", {}).get("|".join(person_key(person)), ""))


def with_flow(card: Card, person: Person, flow_id: str) -> Card:
    """The card, showing this consent from now on."""
    flows = {**card.snapshot.get("flows", {}), "|".join(person_key(person)): flow_id}
    return replace(card, flow_id=flow_id, snapshot={**card.snapshot, "flows": flows})


# ---------------------------------------------------------------- values as JSON


def text_row(text: Text | None) -> dict[str, str] | None:
    """A sentence as JSON."""
    return {"en": text.en, "zh": text.zh} if text else None


def read_text(row: Mapping[str, str] | None) -> Text | None:
    """A sentence from JSON."""
    return Text(row["en"], row["zh"]) if row else None


def finding_row(finding: Finding) -> dict[str, Any]:
    """A finding as JSON. Its message is redacted already; what is very long, or very many, is cut."""
    more = len(finding.request_ids) - MOST_IDS + int(finding.hints.get("more_ids", 0))
    return {
        "platform": finding.platform,
        "codes": list(finding.codes),
        "message": finding.message[:MOST_MESSAGE],
        "request_ids": list(finding.request_ids[:MOST_IDS]),
        "scopes": list(finding.scopes),
        "scopes_mode": str(finding.scopes_mode),
        "identity": str(finding.identity),
        "app_id": finding.app_id,
        "resource": finding.resource,
        "http_status": finding.http_status,
        "hints": {**finding.hints, "more_ids": str(more)} if more > 0 else dict(finding.hints),
        "span": list(finding.span),
        "count": finding.count,
        "has_it": finding.has_it,
        "claims": _claims_row(finding.claims),
        "surroundings": finding.surroundings[:MOST_MESSAGE],
    }


def _claims_row(claims: Claims) -> dict[str, Any]:
    return {
        "held": list(claims.held),
        "requested": list(claims.requested),
        "tried": sorted(claims.tried),
        "environment": sorted(claims.environment),
        "identity": str(claims.identity),
    }


def _read_claims(row: Mapping[str, Any]) -> Claims:
    return Claims(
        tuple(row.get("held") or ()),
        tuple(row.get("requested") or ()),
        frozenset(row.get("tried") or ()),
        frozenset(row.get("environment") or ()),
        Identity(row.get("identity") or "unknown"),
    )


def read_finding(row: Mapping[str, Any]) -> Finding:
    """A finding from JSON."""
    start, end = row.get("span") or (0, 0)
    return Finding(
        platform=row["platform"],
        codes=tuple(row.get("codes") or ()),
        message=row.get("message") or "",
        request_ids=tuple(row.get("request_ids") or ()),
        scopes=tuple(row.get("scopes") or ()),
        scopes_mode=Mode(row.get("scopes_mode") or "any"),
        identity=Identity(row.get("identity") or "unknown"),
        app_id=row.get("app_id"),
        resource=row.get("resource"),
        http_status=row.get("http_status"),
        hints=dict(row.get("hints") or {}),
        span=(start, end),
        count=row.get("count") or 1,
        has_it=row.get("has_it", 1.0),
        claims=_read_claims(row.get("claims") or {}),
        surroundings=row.get("surroundings") or "",
    )


def facts_row(facts: Facts) -> dict[str, Any]:
    """What the platforms told, as JSON. The apps themselves stay out: the configuration of the day counts."""
    return {
        "granted": sorted(facts.granted) if facts.granted is not None else None,
        "answers": dict(facts.answers),
        "unseen": dict(facts.unseen),
        "apps": {app_id: _app_facts_row(one) for app_id, one in facts.app_facts.items()},
    }


def read_facts(row: Mapping[str, Any], apps: tuple[App, ...], now: datetime | None) -> Facts:
    """Facts from JSON."""
    granted = row.get("granted")
    return Facts(
        apps=apps,
        app_facts={app_id: _read_app_facts(one) for app_id, one in (row.get("apps") or {}).items()},
        granted=frozenset(granted) if granted is not None else None,
        now=now,
        answers={str(key): str(value) for key, value in (row.get("answers") or {}).items()},
    )


def _app_facts_row(facts: AppFacts) -> dict[str, Any]:
    return {
        "enabled": {name: sorted(kinds) for name, kinds in facts.enabled.items()} if facts.enabled is not None else None,
        "pending": sorted(facts.pending),
        "redirect_uris": list(facts.redirect_uris) if facts.redirect_uris is not None else None,
        "published": facts.published,
        "status": facts.status,
        "checked_at": facts.checked_at.isoformat() if facts.checked_at else None,
    }


def _read_app_facts(row: Mapping[str, Any]) -> AppFacts:
    enabled, uris, at = row.get("enabled"), row.get("redirect_uris"), row.get("checked_at")
    return AppFacts(
        enabled={name: frozenset(Identity(kind) for kind in kinds) for name, kinds in enabled.items()} if enabled is not None else None,
        pending=frozenset(row.get("pending") or ()),
        redirect_uris=tuple(uris) if uris is not None else None,
        published=row.get("published"),
        status=row.get("status"),
        checked_at=datetime.fromisoformat(at) if at else None,
    )
