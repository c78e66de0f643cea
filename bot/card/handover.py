"""A message that somebody who cannot act sends to the one who can: what is missing, what to do, where, and the ids that are asked for."""

from __future__ import annotations

from bot.card.labels import role_name
from bot.i18n import say
from bot.model import Diagnosis, Locale, Text, Who


def handover_label(actor: Who) -> Text:
    """The button that copies the message, named after its reader."""
    return say("Copy a message for: {who}", who=role_name(actor))


def handover_text(diagnosis: Diagnosis) -> Text:
    """The message, ready to send, in both languages. Codes, scopes and ids only: no account and nothing of the paste beside them."""
    return Text(_message(diagnosis, "en"), _message(diagnosis, "zh"))


def _message(diagnosis: Diagnosis, locale: Locale) -> str:
    finding, colon = diagnosis.finding, "：" if locale == "zh" else ": "

    def row(name: Text, value: str) -> str:
        return f"{name.in_(locale)}{colon}{value}" if value else ""

    lead = diagnosis.remedies[0] if diagnosis.remedies else None
    scopes = diagnosis.choice.recommended if diagnosis.choice else ()
    code = next(iter(finding.codes), "")
    lines = [
        say("A call to {platform} was refused, and I cannot fix it myself. Can you help?", platform=diagnosis.platform_title).in_(locale),
        row(say("What is missing"), diagnosis.verdict.in_(locale)),
        row(say("What to do"), lead.text.in_(locale) if lead else ""),
        row(say("Where"), lead.link.url if lead and lead.link else ""),
        row(say("Scope"), ", ".join(scopes)),
        row(say("App"), finding.app_id or ""),
        row(say("Error code"), code),
        row(say("Request id"), next(iter(finding.request_ids), "")),
    ]
    return "\n".join(line for line in lines if line)
