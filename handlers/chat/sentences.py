"""What every chat door says in its own name, once."""

from __future__ import annotations

from bot.i18n import say
from bot.model import Text

BROKEN = say("Something broke on our side; it was logged. Nothing of yours was lost. Try again in a moment.")
NOTHING = say("There is no text to explain. Paste the error, or only its log_id.")
ALREADY = say("I have answered this in this chat already. That card is now yours too, its buttons work for you.")
OLD_BUTTON = say("This button is from an older version. Paste the error again for a fresh card.")
FORGETFUL = say("My memory does not answer just now: the buttons of this card will not work, and I do not remember it. Ask again later.")
STOPPING = say("I am being restarted. Ask again in a moment.")


def busy(count: int) -> Text:
    """The queue is full."""
    return say("I am busy: {count} questions wait already. Nothing of yours was taken; ask again in a minute.", count=count)


def too_fast(count: int) -> Text:
    """One person asks too much."""
    return say("More than {count} questions in a minute: give me a moment, then ask again.", count=count)


def crowded(count: int) -> Text:
    """One chat asks too much."""
    return say("More than {count} questions a minute in this chat: give me a moment, then ask again.", count=count)


def undelivered(reason: str) -> Text:
    """An answer that could not be put where it belonged."""
    return say("I could not deliver my answer to your question ({reason}). Ask again, best in a direct message.", reason=reason)
