"""What the operator sees of the chat doors, in Prometheus' terms. Counts and times only: no text, no name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter

import prometheus_client

from handlers.store import Depth

ANSWER = prometheus_client.Histogram(
    "whyforbidden_answer_seconds",
    "From taking a question up to its answer, by door",
    ["door"],
    buckets=(0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
REFUSED = prometheus_client.Counter("whyforbidden_refused_questions", "Questions that were not taken: too many, too fast", ["door"])
FORGED = prometheus_client.Counter("whyforbidden_forged_requests", "Requests at a webhook whose signature or token was wrong", ["door"])
CALLS = prometheus_client.Counter("whyforbidden_chat_api_errors", "Refused or failed calls to a chat platform", ["door", "code"])
OPEN = prometheus_client.Gauge("whyforbidden_jobs_open", "Jobs that wait or are worked on", ["box", "door"])
AGE = prometheus_client.Gauge("whyforbidden_jobs_oldest_seconds", "Age of the oldest open job", ["box", "door"])
DEAD = prometheus_client.Gauge("whyforbidden_jobs_dead", "Jobs that could not be done (`whyforbidden doctor --dead`)", ["box", "door"])

_seen: dict[str, set[str]] = {}  # doors whose gauges were set once: they go back to zero


def measure(box: str, depths: Mapping[str, Depth], now: datetime) -> None:
    """Set the gauges of one box."""
    for door in {*_seen.setdefault(box, set()), *depths}:
        depth = depths.get(door) or Depth(0, None, 0)
        _seen[box].add(door)
        OPEN.labels(box, door).set(depth.open)
        AGE.labels(box, door).set((now - depth.oldest).total_seconds() if depth.oldest else 0.0)
        DEAD.labels(box, door).set(depth.dead)


@contextmanager
def timed(door: str) -> Iterator[None]:
    """Measure an answer."""
    begun = perf_counter()
    try:
        yield
    finally:
        ANSWER.labels(door).observe(perf_counter() - begun)
