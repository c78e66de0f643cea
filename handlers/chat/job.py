"""A piece of work that outlives the process that began it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """A row of the inbox (an event to be answered) or of the outbox (something to be said).

    `id` is the same for every delivery of the same thing. Jobs of one `lane` are done one after the other. `body` is JSON: its texts are masked,
    its secrets sealed. `tries` counts how often somebody began it, `turn` how often it was wanted anew meanwhile (a card that changed again).
    Not `kept`: the store did not answer, so there is no row.
    """

    id: str
    door: str
    kind: str
    lane: str
    body: Mapping[str, Any] = field(repr=False)
    created: datetime
    tries: int = 1
    turn: int = 0
    reason: str = ""
    kept: bool = True

    @property
    def again(self) -> bool:
        """Somebody began this before, and may have come as far as the platform."""
        return self.tries > 1
