"""Hand-off: the user is sent, signed, to the app's own authorization, and the app's signed answer is the only one believed."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot.errors import Refused
from bot.oauth.signing import WINDOW, canonical, read_signed, sign, signed
from bot.service import Started
from tests.consent_world import ALICE, HANDOFF, NARROW, WIDE, Scene, teach

KEY = HANDOFF.app_key
NONCE = "nonce-0123456789"


@pytest.fixture(autouse=True)
def _checks(monkeypatch: pytest.MonkeyPatch) -> None:
    teach(monkeypatch)


@pytest.fixture
async def sent() -> tuple[Scene, Started]:
    """A consent that has been handed to the app."""
    scene = Scene(app=HANDOFF)
    await scene.card()
    return scene, await scene.started()


def says(scene: Scene, flow_id: str, key: str = KEY, nonce: str = NONCE, **changes: Any) -> dict[str, Any]:
    """The app's answer, signed."""
    value = {"consent": flow_id, "outcome": "granted", "scopes": [NARROW], "account": {"id": "ou_alice", "name": "Alice"}, "works": True}
    return signed(key, value | changes, now=scene.clock.now(), nonce=nonce)


async def test_the_way_out_is_signed(sent: tuple[Scene, Started]) -> None:
    """The app can check who sends the user: what is asked, for whom, until when, and where to answer; no token, no state of ours."""
    scene, started = sent
    query = dict(parse_qsl(urlsplit(started.url).query))
    request = urlsafe_b64decode(query["request"] + "==").decode()

    assert started.url.startswith("https://weekly.example/authorize?from=bot&")
    assert query["signature"] == sign(KEY, query["timestamp"], query["nonce"], request)
    read = json.loads(request)
    assert (read["scopes"], read["app_id"], read["consent"]) == ([NARROW], HANDOFF.app_id, started.flow_id)
    assert read["answer_to"] == f"https://bot.example/v1/consents/{started.flow_id}"
    assert canonical(read) == request
    assert scene.platform.requests[1:] == []


async def test_a_signed_answer_is_believed(sent: tuple[Scene, Started]) -> None:
    """Granted, and the app repeated its call: proven, with the app's word as the proof, and no token here."""
    scene, started = sent

    state = await scene.service.handed_back(started.flow_id, says(scene, started.flow_id))

    assert state == "proven"
    assert scene.store.tokens == {}
    view = (await scene.service.outcome(started.flow_id, started.cookie)).view
    assert view.proof is not None
    assert view.proof.kind == "app"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"works": None}, "granted"),
        ({"works": False}, "insufficient"),
        ({"scopes": []}, "insufficient"),
        ({"scopes": [WIDE]}, "proven"),
        ({"outcome": "refused"}, "refused"),
        ({"outcome": "failed"}, "failed"),
        ({"outcome": "granted", "account": None}, "failed"),
    ],
)
async def test_what_the_app_may_say(sent: tuple[Scene, Started], changes: dict[str, Any], state: str) -> None:
    """Each outcome has its own state; without the app's own try it stays granted, not proven."""
    scene, started = sent

    assert await scene.service.handed_back(started.flow_id, says(scene, started.flow_id, **changes)) == state


async def test_another_account_is_told(sent: tuple[Scene, Started]) -> None:
    """The account is bound at the first consent; the app naming another one later is the wrong account."""
    scene, started = sent
    await scene.service.handed_back(started.flow_id, says(scene, started.flow_id))
    again = await scene.started()

    answer = says(scene, again.flow_id, nonce="another-nonce-01", account={"id": "ou_mallory", "name": "Mallory"})

    assert await scene.service.handed_back(again.flow_id, answer) == "wrong_account"
    assert [who for who, _ in scene.voice.whispers] == ["U1"]


async def test_what_is_not_signed_by_the_app_is_refused(sent: tuple[Scene, Started]) -> None:
    """No key, a wrong key, a changed word, an old or future time, another consent's answer: nothing changes."""
    scene, started = sent
    good = says(scene, started.flow_id)
    old = says(scene, started.flow_id)
    scene.clock.go(WINDOW.total_seconds() + 1)
    late = [old]
    scene.clock.go(-2 * WINDOW.total_seconds() - 3)
    early = [good]
    scene.clock.go(WINDOW.total_seconds() + 2)
    wrong = [
        {},
        says(scene, started.flow_id, key="another-key-another-key"),
        good | {"scopes": [WIDE]},
        good | {"signature": ""},
        good | {"nonce": "another-nonce-99"},
        good | {"timestamp": str(int(good["timestamp"]) + 1)},
        says(scene, "another-consent"),
    ]
    for body in wrong:
        with pytest.raises(Refused) as no:
            await scene.service.handed_back(started.flow_id, body)
        assert no.value.code == "bad_signature"
    for body, seconds in ((late[0], WINDOW.total_seconds() + 5), (early[0], -WINDOW.total_seconds() - 5)):
        scene.clock.go(seconds)
        assert read_signed(KEY, body, scene.clock.now()) is None
        scene.clock.go(-seconds)

    assert await scene.state() == "started"


async def test_an_answer_counts_once(sent: tuple[Scene, Started]) -> None:
    """The same signed answer again is refused, also when the consent would still take it."""
    scene, started = sent
    body = says(scene, started.flow_id, works=None)
    await scene.service.handed_back(started.flow_id, body)

    with pytest.raises(Refused) as no:
        await scene.service.handed_back(started.flow_id, body)

    assert no.value.code == "used"


async def test_a_late_answer_is_refused(sent: tuple[Scene, Started]) -> None:
    """After the consent's time even the app's signature changes nothing."""
    scene, started = sent
    scene.clock.go(700)

    with pytest.raises(Refused) as no:
        await scene.service.handed_back(started.flow_id, says(scene, started.flow_id))

    assert no.value.code == "expired"
    assert await scene.state() == "expired"


async def test_no_code_is_taken_for_a_handed_off_consent(sent: tuple[Scene, Started]) -> None:
    """A callback with a code is not how such an app answers."""
    scene, started = sent

    with pytest.raises(Refused):
        await scene.finish({"code": "code-0", "state": started.state}, started.cookie)

    assert await scene.state() == "started"


async def test_no_signed_answer_for_a_broker_app() -> None:
    """An app in broker mode cannot sign itself a consent."""
    scene = Scene()
    await scene.card()
    started = await scene.started()

    with pytest.raises(Refused) as no:
        await scene.service.handed_back(started.flow_id, says(scene, started.flow_id))

    assert no.value.code == "bad_signature"
    assert ALICE.user_id == "U1"
