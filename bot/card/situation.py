"""Whose turn it is, and for what: one value from which title, badge, colour, sentence and main button are all read.

A card contradicts itself when these are decided apart (a title that names the developer above a button for the user). So the case is
decided here once: a bare id → proven → under way → choose the app → the user's consent → whatever the likeliest remedy asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.card.labels import UNDER_WAY, label, role_name
from bot.diagnose.classify import SCOPE_CAUSES, titles
from bot.i18n import listed, say
from bot.model import Cause, ConsentView, Diagnosis, Text, Who

Stage = Literal["id_only", "proven", "under_way", "choose_app", "consent", "act"]


@dataclass(frozen=True, slots=True)
class Situation:
    """`actor` is None where nobody has to act, or nobody can know. `title` has no platform or code yet; `sentence` says what is missing,
    `next_step` who does what now."""

    stage: Stage
    actor: Who | None
    title: Text
    sentence: Text
    next_step: Text | None = None


def situation(diagnosis: Diagnosis, consent: ConsentView | None) -> Situation:
    """The situation of a diagnosis whose consent, if any, stands as `consent` says."""
    if diagnosis.only_an_id:
        return Situation("id_only", None, diagnosis.title, diagnosis.verdict)
    if consent is not None and consent.state == "proven" and consent.proof is not None and consent.proof.ok:
        return Situation("proven", None, diagnosis.title, diagnosis.verdict)
    if consent is not None and consent.state in (*UNDER_WAY, "proven"):
        return Situation("under_way", Who.USER, _consent_title(diagnosis), diagnosis.verdict)
    if diagnosis.offers and (consent is None or consent.state == "offered" or consent.may_retry):
        return _of_consent(diagnosis)
    actor = diagnosis.remedies[0].who if diagnosis.remedies else diagnosis.who_fixes
    return Situation("act", actor, diagnosis.title, diagnosis.verdict, _next_step(diagnosis, actor))


def _of_consent(diagnosis: Diagnosis) -> Situation:
    """The user's consent helps: then the card speaks to the user, whoever else could act."""
    title = _consent_title(diagnosis)
    if len(diagnosis.offers) > 1:
        return Situation("choose_app", Who.USER, title, diagnosis.verdict, label("Which app made the call? Choose it, then agree."))
    scopes = diagnosis.offers[0].scopes
    sentence = say("Your consent is missing: {scopes}.", scopes=listed(scopes)) if diagnosis.cause in SCOPE_CAUSES else diagnosis.verdict
    return Situation("consent", Who.USER, title, sentence, label("Authorize again and agree; I check that it works."))


def _consent_title(diagnosis: Diagnosis) -> Text:
    return titles()[Cause.USER_SCOPE_MISSING] if diagnosis.cause is Cause.APP_SCOPE_MISSING else diagnosis.title


def _next_step(diagnosis: Diagnosis, actor: Who) -> Text | None:
    if not diagnosis.remedies:
        return None
    return say("{who}: {what}.", who=role_name(actor), what=diagnosis.remedies[0].title)
