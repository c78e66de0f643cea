"""Who hears what became of a consent: the one who asked, the owners of an app that is set up wrongly, and the app itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.consent.machine import Flow, State
from bot.i18n import joined, say
from bot.model import App, Person, Text
from bot.services import present
from bot.services.context import Context, platform_title


async def tell_outcome(context: Context, flow: Flow, app: App | None) -> None:
    """Wrong account: the one who asked hears it here (the other one sees it on the page). An app set up wrongly: its owners hear it."""
    if flow.state is State.WRONG_ACCOUNT:
        seen = present.see(context, flow)
        await tell(context, flow.person, flow, joined([seen.sentence, seen.advice]) if seen.advice else seen.sentence)
    elif flow.state is State.FAILED and flow.blame == "app" and app is not None:
        title = platform_title(app)
        sentence = say(
            "{platform} refuses the app {app} ({reason}): check its id, secret, redirect address and scopes. Somebody tried to consent.",
            platform=title, app=app.name or app.app_id, reason=flow.reason,
        )  # fmt: skip
        for person in owners(context, app):
            await tell(context, person, flow, sentence)


async def tell(context: Context, person: Person, flow: Flow, sentence: Text) -> None:
    """A private line near the consent's card."""
    messenger = context.messengers.get(person.surface)
    if messenger is not None:
        reply = present.whisper(sentence, person.surface, present.as_locale(flow.locale))
        await messenger.whisper(person, flow.place, reply)


def owners(context: Context, app: App) -> tuple[Person, ...]:
    """Who can be told about an app: its owners written `surface:tenant:user`, else the admins of this installation."""
    named = [parts for owner in app.owners if len(parts := owner.split(":")) == 3 and all(parts)]
    return tuple(Person(*parts) for parts in named or [admin.split(":") for admin in sorted(context.admins)])


async def notify_app(context: Context, flow: Flow, app: App) -> None:
    if context.notices is not None and app.notify_url:
        at = flow.changed or flow.created
        await context.notices.notify(app, f"{flow.id}:{flow.state}:{at.timestamp():.0f}", notification(flow))


def notification(flow: Flow) -> Mapping[str, Any]:
    """What the app is told. It names the account and the scopes; a token is fetched with the app's own key, never sent."""
    return {
        "type": f"consent.{flow.state}",
        "consent": flow.id,
        "platform": flow.platform,
        "app_id": flow.app_id,
        "account": flow.account,
        "asked": list(flow.asked),
        "granted": list(flow.granted),
        "missing": list(flow.missing),
        "proven": bool(flow.proof and flow.proof.ok),
        "at": (flow.changed or flow.created).isoformat(),
    }
