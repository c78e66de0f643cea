"""A diagnosis as data: the contract with scripts, agents and the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.card import title_of
from bot.model import Choice, Claims, Diagnosis, Finding, Locale, Offer, Remedy, TellingQuestion, Text
from bot.render.escape import clean


def as_json(diagnosis: Diagnosis, locale: Locale = "en") -> dict[str, Any]:
    """A diagnosis as data, in the shape that scripts, agents and the HTTP API rely on.

    Codes are strings. Foreign text holds no control characters, bidi overrides or lone surrogates, so that printing it does no harm.
    """
    finding = diagnosis.finding

    def words(text: Text) -> str:
        return clean(text.in_(locale), lines=True)

    choice = diagnosis.choice
    single = diagnosis.offers[0] if len(diagnosis.offers) == 1 else None
    return {
        **_finding_json(finding),
        "title": words(title_of(diagnosis)),
        "verdict": words(diagnosis.verdict),
        "cause": diagnosis.cause.value,
        "who_fixes": diagnosis.who_fixes.value,
        "confidence": round(diagnosis.confidence, 3),
        "has_it": round(finding.has_it, 3),
        "claims": _claims_json(finding.claims),
        **_choice_json(choice, words),
        "steps": [
            {
                "text": words(step.text),
                "state": step.state.value,
                "evidence": words(step.evidence) if step.evidence else None,
                "url": step.link.url if step.link else None,
            }
            for step in diagnosis.steps
        ],
        "links": [{"rel": link.rel, "url": link.url, "label": words(link.label)} for link in diagnosis.links],
        "reauthorize": _offer_json(single) if single else None,
        "offers": [{**_offer_json(offer), "app_name": clean(offer.app_name)} for offer in diagnosis.offers],
        "no_reauthorize": words(diagnosis.no_offer) if diagnosis.no_offer else None,
        "notes": [words(note) for note in diagnosis.notes],
        "remedies": [_remedy_json(remedy, words) for remedy in diagnosis.remedies],
        "question": _question_json(diagnosis.question, words) if diagnosis.question else None,
        "rivals": [
            {"cause": rival.cause.value, "who_fixes": rival.who_fixes.value, "tells": words(rival.tells)} for rival in diagnosis.rivals
        ],
        "support": [
            {"name": words(item.name), "value": None if item.value is None else clean(item.value, lines=True)} for item in diagnosis.support
        ],
    }


def _remedy_json(remedy: Remedy, words: Callable[[Text], str]) -> dict[str, Any]:
    return {
        "id": remedy.id,
        "who": remedy.who.value,
        "title": words(remedy.title),
        "text": words(remedy.text),
        "url": remedy.link.url if remedy.link else None,
        "likelihood": remedy.likelihood,
        "evidence": [{"rule": one.rule, "weight": one.weight, "text": words(one.text)} for one in remedy.evidence],
        "state": remedy.state.value,
        "seen": {"fixed": remedy.seen.fixed, "of": remedy.seen.of, "sources": list(remedy.seen.sources)} if remedy.seen else None,
    }


def _question_json(question: TellingQuestion, words: Callable[[Text], str]) -> dict[str, Any]:
    answers = [{"id": answer.id, "text": words(answer.text)} for answer in question.answers]
    return {"id": question.id, "text": words(question.text), "answers": answers}


def _offer_json(offer: Offer) -> dict[str, Any]:
    return {"platform": offer.platform, "app_id": clean(offer.app_id), "scopes": [clean(scope) for scope in offer.scopes]}


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "platform": clean(finding.platform),
        "codes": [clean(code) for code in finding.codes],
        "request_ids": [clean(request_id) for request_id in finding.request_ids],
        "scopes": [clean(scope) for scope in finding.scopes],
        "scopes_mode": finding.scopes_mode.value,
        "identity": finding.identity.value,
        "app_id": None if finding.app_id is None else clean(finding.app_id),
        "http_status": finding.http_status,
        "count": finding.count,
        "message": clean(finding.message, lines=True),
    }


def _claims_json(claims: Claims) -> dict[str, Any]:
    return {
        "held": [clean(scope) for scope in claims.held],
        "requested": [clean(scope) for scope in claims.requested],
        "tried": sorted(claims.tried),
        "environment": sorted(claims.environment),
        "identity": claims.identity.value,
    }


def _choice_json(choice: Choice | None, words: Callable[[Text], str]) -> dict[str, Any]:
    return {
        "recommended_scopes": [clean(scope) for scope in choice.recommended] if choice else [],
        "reason": words(choice.reason) if choice else None,
        "alternatives": [clean(scope) for scope in choice.alternatives] if choice else [],
    }
