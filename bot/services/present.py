"""From a kept card to what a surface shows. The only job that knows `bot/card/__init__.py` and `bot/render/__init__.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from bot import platforms
from bot.card import Audience, CardView, nothing, notice, view
from bot.consent.machine import Effect, Flow, State, consent_view, from_row
from bot.explain import Explained
from bot.i18n import joined, same, say
from bot.model import App, Button, ConsentView, Diagnosis, Locale, Reply, Text
from bot.ports import Card
from bot.render import render
from bot.services import card_snapshot
from bot.services.context import Context, platform_title


async def load_flow(context: Context, flow_id: str) -> tuple[Flow, int] | None:
    """A consent and its version in the store."""
    kept = await context.store.flow(flow_id) if flow_id else None
    return (from_row(kept[0]), kept[1]) if kept else None


def see(context: Context, flow: Flow) -> ConsentView:
    """What is said about a consent."""
    app = context.app(flow.platform, flow.app_id)
    seen = consent_view(flow, app_name=app.name if app else "", platform=platform_title(app or App(flow.platform, flow.app_id)))
    if flow.state in (State.GRANTED, State.PROVEN):
        return replace(seen, advice=kept_there(context, flow.platform, flow.app_id))
    stands = flow.mode != "handoff" and (flow.state is State.WRONG_ACCOUNT or (flow.state is State.REVOKED and flow.account))
    if stands and not flow.withdrawn and not {Effect.DISCARD, Effect.FORGET} & set(flow.todo):
        return replace(seen, advice=withdrawing(context, flow.platform, flow.app_id))
    return seen


def kept_there(context: Context, platform: str, app_id: str) -> Text | None:
    """Where consents add up: that they do, and how this one is taken back."""
    oauth = platforms.oauth(platform)
    if oauth is None or not oauth.adds_up:
        return None
    if oauth.revokes:
        return say(
            "On {platform} consents add up: a new one never shrinks an old one. “revoke” makes me forget the token and withdraws it there too.",
            platform=_title(context, platform, app_id),
        )
    pile = say(
        "On {platform} consents add up: a new one never shrinks an old one. “revoke” makes me forget the token.",
        platform=_title(context, platform, app_id),
    )
    return joined([pile, withdrawing(context, platform, app_id)])


def withdrawing(context: Context, platform: str, app_id: str) -> Text:
    """How the owner of an account takes a consent back that the platform did not withdraw for us: in the platform's own words where it
    has some (`oauth.withdrawing`), else without promising more than is known."""
    oauth = platforms.oauth(platform)
    if oauth is not None and oauth.withdrawing is not None:
        return oauth.withdrawing()
    return say(
        "The consent itself still stands on {platform}: I cannot withdraw it there. The owner of the account can look for this app among "
        "the authorizations in the settings of {platform}, or ask an administrator to remove it.",
        platform=_title(context, platform, app_id),
    )


def _title(context: Context, platform: str, app_id: str) -> Text:
    return platform_title(context.app(platform, app_id) or App(platform, app_id))


async def draw(
    context: Context,
    card: Card,
    surface: str,
    locale: Locale | None = None,
    audience: str | None = None,
    *,
    unfold: bool | None = None,
    found: Sequence[Diagnosis] | None = None,
) -> Reply:
    """A card as it is now. Without `audience`: for the asker in private places, else for the channel. `unfold`: with its folded parts
    even where the surface cannot fold. `found`: its diagnoses where they were just made; else they are made anew from what was kept."""
    content = await see_card(context, card, audience, found)
    return render_view(content, surface, locale or as_locale(card.locale), card.id, unfold=unfold)


async def see_card(context: Context, card: Card, audience: str | None = None, found: Sequence[Diagnosis] | None = None) -> CardView:
    """What a card says now, before any surface draws it. `audience` and `found` as above."""
    if found is None:
        found = card_snapshot.diagnoses(card.snapshot, context.apps, context.now())
    kept = await load_flow(context, card.flow_id)
    who = audience or ("asker" if card.snapshot.get("private") else "channel")
    if context.full_detail:
        who = "asker"
    return card_view(context, card, found, kept[0] if kept else None, who)


def card_view(context: Context, card: Card, found: Sequence[Diagnosis], flow: Flow | None, audience: str) -> CardView:
    """The card's content: a diagnosis with its consent, a sentence of ours, or why nothing was found."""
    said = card_snapshot.read_text(card.snapshot.get("said"))
    if said is not None:
        link = str(card.snapshot.get("link") or "")
        button = (Button("open", say("Open the page"), url=link, primary=True),) if link else ()
        return notice(said, title=same("whyforbidden"), buttons=button)
    if not found:
        return nothing(card_snapshot.read_text(card.snapshot.get("why")))
    consent = see(context, flow) if flow else None
    made = view(found[0], others=found[1:], consent=consent, audience=cast("Audience", audience))
    first = card_snapshot.read_text(card.snapshot.get("first")) if consent is None else None
    news = card_snapshot.read_text((card.snapshot.get("news") or {}).get(audience))
    return replace(made, notes=(*(note for note in (news, first) if note), *made.notes))


def without_buttons(explained: Explained, surface: str, audience: Audience, warning: Text) -> Reply:
    """What was read, for a card that nobody remembers: only links stay of its buttons."""
    found = explained.diagnoses
    content = view(found[0], others=found[1:], audience=audience) if found else nothing(explained.why_nothing)
    link = content.primary if content.primary is not None and content.primary.url else None
    return render_view(replace(content, primary=link, quiet=(), notes=(warning, *content.notes)), surface, explained.locale, "")


def whisper(sentence: Text, surface: str, locale: Locale, *, url: str = "", label: Text | None = None, notes: Sequence[Text] = ()) -> Reply:
    """A private line, with a link button when there is somewhere to go."""
    buttons = (Button("open", label or say("Continue"), url=url, primary=True),) if url else ()
    return render_view(notice(sentence, buttons=buttons, notes=notes), surface, locale, "")


def render_view(content: CardView, surface: str, locale: Locale, card_id: str, *, unfold: bool | None = None) -> Reply:
    """Draw for one surface. The chat page (`web`) shows the card as HTML."""
    return render(content, "html" if surface == "web" else surface, locale, card_id=card_id, unfold=unfold)


def as_locale(value: str | None) -> Locale:
    """A stored language; anything unknown is English."""
    return "zh" if value == "zh" else "en"
