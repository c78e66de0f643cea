"""What a shared channel may not see: app ids, documents, accounts, lists of scopes, and addresses that carry any of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.model import ConsentView, Diagnosis, Link, Text


def secrets(diagnosis: Diagnosis, consent: ConsentView | None) -> tuple[str, ...]:
    """Values that only the asker sees: app ids, owners, documents, and scopes beyond the recommended one. Longest first."""
    finding = diagnosis.finding
    values: list[str] = [finding.app_id or "", finding.resource or "", *(offer.app_id for offer in diagnosis.offers)]
    recommended = diagnosis.choice.recommended if diagnosis.choice else ()
    one = recommended[0] if len(recommended) == 1 else None
    values += [scope for scope in finding.scopes if scope != one]
    if diagnosis.choice:
        values += [scope for scope in (*recommended, *diagnosis.choice.alternatives, *diagnosis.choice.unknown) if scope != one]
    if consent:
        values += [consent.account, *(scope for scope in (*consent.scopes, *consent.granted, *consent.missing) if scope != one)]
    return tuple(sorted({value for value in values if len(value) > 2}, key=lambda value: (-len(value), value)))


def whole_names(secrets: Sequence[str]) -> re.Pattern[str] | None:
    """Finds a secret as a whole name only: `sheets:spreadsheet` is hidden, `sheets:spreadsheet:write_only` is another name."""
    if not secrets:
        return None
    return re.compile(rf"(?<![A-Za-z0-9_:.-])(?:{'|'.join(map(re.escape, secrets))})(?![A-Za-z0-9_:-]|\.[A-Za-z0-9])")


def holds(text: Text, hidden: re.Pattern[str] | None) -> bool:
    return hidden is not None and bool(hidden.search(text.en) or hidden.search(text.zh))


def veil(text: Text, hidden: re.Pattern[str] | None) -> Text:
    """The sentence with what the channel may not see left out."""
    return Text(hidden.sub("…", text.en), hidden.sub("…", text.zh)) if hidden and holds(text, hidden) else text


def public(link: Link | None, secrets: Sequence[str]) -> Link | None:
    """Documentation may be shown to anybody; an address that carries an id of the app may not."""
    if link is None or link.rel not in ("docs", "faq", "practice") or any(secret in link.url for secret in secrets):
        return None
    return link
