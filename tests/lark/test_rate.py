"""The pace that the platform allows, by a clock of the test's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handlers.lark.rate import Rate


class Time:
    """Sleeping moves the clock."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def _rate() -> tuple[Time, Rate]:
    time = Time()
    return time, Rate(time.clock, time.sleep)


async def test_five_at_once_then_one_after_the_other() -> None:
    """A burst is not slowed down before it has to be."""
    time, rate = _rate()
    moments = []
    for _ in range(11):
        await rate.turn("oc_1")
        moments.append(round(time.now, 2))

    assert moments == [0.0] * 5 + [1.05] * 5 + [2.1]


async def test_fifty_a_second_over_all_chats_and_a_thousand_a_minute() -> None:
    """The app's own limits."""
    time, rate = _rate()
    moments = []
    for number in range(1001):
        await rate.turn(f"oc_{number}")
        moments.append(time.now)

    assert max(sum(at <= one < at + 1 for one in moments) for at in moments) == 50
    assert moments[1000] >= 60


async def test_what_the_platform_says_counts_more() -> None:
    """A pause holds for the chat, or for everybody."""
    time, rate = _rate()
    rate.pause(3, "oc_1")
    await rate.turn("oc_2")
    assert time.now == 0
    await rate.turn("oc_1")
    assert time.now == 3
    rate.pause(4)
    await rate.turn("oc_3")
    assert time.now == 7


@given(st.lists(st.sampled_from(["", "oc_1", "oc_2"]), max_size=80))
async def test_no_second_ever_holds_more_than_five_for_a_chat(chats: list[str]) -> None:
    """Whatever comes in whatever order."""
    time, rate = _rate()
    moments: dict[str, list[float]] = {}
    for chat in chats:
        await rate.turn(chat)
        moments.setdefault(chat, []).append(time.now)

    for chat, times in moments.items():
        assert not chat or all(sum(at <= one <= at + 1 for one in times) <= 5 for at in times)
