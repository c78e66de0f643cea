"""What is said about a consent: one sentence for each state, and the reason for each refusal.

The sentences are constants here, so that a test can hold every one of them to its Chinese twin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.consent.flow import Flow, State
from bot.i18n import listed, say
from bot.model import ConsentView, Text

REASONS: Mapping[str, str] = {
    "not_started": "This consent has not been started yet. Open your personal link and confirm first.",
    "not_authorized": "The platform has not answered yet. Finish the consent page first.",
    "in_hand": "The platform's answer is already here and is being checked. One moment.",
    "granted": "This consent has already been given.",
    "proven": "This consent is done and proven. Nothing more is needed.",
    "refused": "You declined this consent. If you change your mind, click the button on the card again.",
    "wrong_account": "Another account answered, so this consent has ended. Click the button on the card to start again with your own one.",
    "insufficient": "This consent is over, and something is still missing. Click the button on the card to ask for it.",
    "expired": "This link is older than ten minutes and no longer works. Click the button on the card for a new one.",
    "superseded": "You have started again since, in another window or chat. Go on there, or click the button on the card once more.",
    "failed": "This consent could not be completed. Click the button on the card to try again.",
    "revoked": "This consent was withdrawn. Click the button on the card if you want to give it again.",
    "wrong_mode": "This app gets its consents in another way. Click the button on the card to start again.",
}


# ---------------------------------------------------------------- what the card says


def consent_view(flow: Flow, *, app_name: str = "", platform: Text | None = None) -> ConsentView:
    """The sentence for where the consent stands, and what a card may add to it. `platform` is the platform's name as people say it."""
    where = platform or Text(flow.platform, flow.platform)
    return ConsentView(
        state=str(flow.state),
        sentence=_sentence(flow, app_name or flow.app_id, where),
        scopes=flow.asked,
        granted=flow.granted if flow.state in (State.GRANTED, State.PROVEN, State.INSUFFICIENT) else (),
        missing=flow.missing,
        account=flow.account_name or flow.account,
        proof=flow.proof,
        may_retry=may_retry(flow),
        app_name=app_name,
    )


def may_retry(flow: Flow) -> bool:
    """Is the button to ask (again) of any use?"""
    if flow.state is State.INSUFFICIENT:
        return bool(flow.over or flow.missing or flow.alternatives)
    return flow.state in (State.REFUSED, State.WRONG_ACCOUNT, State.EXPIRED, State.SUPERSEDED, State.REVOKED) or (
        flow.state is State.FAILED and flow.blame != "app"
    )


_SENTENCES: Mapping[State, str] = {
    State.OFFERED: "Waiting for {person} to open the personal link. It works for ten minutes.",
    State.STARTED: "{person} is on the consent page of {platform}. This card changes as soon as the answer is here.",
    State.AUTHORIZED: "The answer of {platform} is here. Checking whose it is and what was granted.",
    State.GRANTED: "{account} has granted {granted}. The live check is running.",
    State.PROVEN: "Done: {account} has granted {granted}, and the check passed. Run your call again with a fresh token.",
    State.REFUSED: "{person} declined on the page of {platform}. Nothing was granted. The button stays if you change your mind.",
    State.WRONG_ACCOUNT: "Another {platform} account ({account}) answered than the one {person} uses here. Its token was thrown away. "
    "Sign out on {platform}, then start again with your own account.",
    State.EXPIRED: "Nobody finished within ten minutes, so the personal link has expired. Click the button for a new one.",
    State.SUPERSEDED: "{person} started again elsewhere. That newer consent counts; this card no longer waits.",
    State.FAILED: "The consent could not be completed, and nothing was stored. Click the button to try again.",
    State.REVOKED: "{person} has taken this consent back. No token is kept here.",
}
_FAILED: Mapping[str, str] = {
    "app": "{platform} does not accept the app {app} as it is set up ({reason}). Its developer has to fix that, not {person}.",
    "scope_not_enabled": "The app {app} has not enabled {asked} yet. Its developer does that in the console; before that no consent works.",
    "code": "The answer of {platform} could no longer be used: it is valid once, and for minutes. Click the button and confirm once more.",
    "platform": "{platform} did not answer properly ({reason}). Nothing was stored. Try again in a few minutes.",
    "rate": "{platform} asks us to slow down. Nothing was stored. Try again in a few minutes.",
}


_MORE: Mapping[str, str] = {
    "unclear": "{account} has granted {granted}. Whether the call works now could not be checked: {proof}",
    "stranger": "Another {platform} account answered than the one {person} uses here. Its token was thrown away. "
    "Sign out on {platform}, then start again with your own account.",
    "short": "{account} has consented, but {missing} was not granted. Click the button to be asked for it again.",
    "widen": "Granted: {asked}. But the call is still refused: {proof} The next narrowest scope that could do is {next}. "
    "Click the button to be asked for it too.",
    "over": "{account} had granted {asked}, but that is over: {proof} Click the button to grant it again.",
    "useless": "Granted: {asked}. But the call is still refused: {proof} More scopes will not help; look at the other steps on this card.",
}


def _sentence(flow: Flow, app: str, platform: Text) -> Text:
    template = _SENTENCES.get(flow.state, "")
    if flow.state is State.FAILED:
        template = _FAILED.get(flow.reason) or _FAILED.get(flow.blame) or template
    elif flow.state is State.GRANTED and flow.proof:
        template = _MORE["unclear"]
    elif flow.state is State.INSUFFICIENT:
        template = _short(flow)
    elif flow.state is State.WRONG_ACCOUNT and not flow.account_name:
        template = _MORE["stranger"]
    return say(
        template,
        person=flow.person.name or say("the person who asked"),
        platform=platform,
        app=app,
        account=flow.account_name or flow.account or flow.person.name or say("The person who asked"),
        granted=few(_named(flow)),
        asked=few(flow.asked),
        missing=few(flow.missing),
        next=listed(flow.alternatives[:1]),
        reason=flow.reason,
        proof=flow.proof.text if flow.proof else say("not checked yet"),
    )


def _short(flow: Flow) -> str:
    if flow.over:
        return _MORE["over"]
    if flow.missing:
        return _MORE["short"]
    return _MORE["widen"] if flow.alternatives else _MORE["useless"]


def few(scopes: Sequence[str]) -> Text:
    """Scopes in a row, the first few by name."""
    if not scopes:
        return say("the earlier scopes")
    shown = listed(scopes[:5])
    return say("{scopes} and {count} more", scopes=shown, count=len(scopes) - 5) if len(scopes) > 5 else shown


def _named(flow: Flow) -> tuple[str, ...]:
    """The granted scopes that matter here; grants pile up, and the rest is nobody's news."""
    wanted = tuple(scope for scope in (*flow.asked, *flow.needed) if scope in flow.granted)
    return tuple(dict.fromkeys(wanted)) or flow.asked


def every_sentence() -> tuple[str, ...]:
    """All sentences of this file, for the test that holds each to its Chinese twin."""
    return (*REASONS.values(), *_SENTENCES.values(), *_FAILED.values(), *_MORE.values())
