"""Who may post events to us: made by OpenSSL, by the platform's Node SDK, tampered with, replayed, and asked for by strangers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import Refused
from handlers.lark.webhook import MOST_BYTES, Gate, seconds
from tests.lark.conftest import Open
from tests.lark.made import KEY, TOKEN, click, header, message, sealed, signature
from tests.lark.platform import OpenPlatform, until
from tests.lark.quick import encrypt
from tests.peers import absent

PEERS = Path(__file__).parents[1] / "peers"
CHALLENGE = {"challenge": "c-123", "token": TOKEN, "type": "url_verification"}

REFUSED = "This is not an event of the platform for this app."


async def test_an_event_sealed_by_openssl_is_answered_and_a_replay_is_not(lark: OpenPlatform, open_house: Open) -> None:
    """The very same bytes again are accepted politely and cause nothing."""
    house = await open_house()
    headers, body = sealed(message())
    answers = [await house.raw(body, headers) for _ in range(3)]
    await until(lark.answers)

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 3
    assert len(lark.answers()) == 1


async def test_the_address_check_is_answered_only_to_who_knows_the_token(lark: OpenPlatform, open_house: Open) -> None:
    """Encrypted, without signature headers, as the console sends it."""
    house = await open_house()
    right = await house.post(CHALLENGE, signed=False)
    assert (right.status_code, right.json()) == (200, {"challenge": "c-123"})
    for wrong in ({**CHALLENGE, "token": "guess"}, {"challenge": "c-123", "type": "url_verification"}):
        answer = await house.post(wrong, signed=False)
        assert (answer.status_code, answer.json()) == (401, {"msg": REFUSED})
    bare = await house.raw(json.dumps(CHALLENGE).encode(), {})
    assert bare.status_code == 401


def _tampered() -> dict[str, tuple[dict[str, str], bytes]]:
    headers, body = sealed(message())
    other_key = sealed(message(), key="another key")
    envelope = json.loads(body)
    raw = bytearray(base64.b64decode(envelope["encrypt"]))
    raw[-1] ^= 1
    bent = json.dumps({"encrypt": base64.b64encode(raw).decode()}).encode()
    wrong_token = {**message(), "header": {**header("im.message.receive_v1"), "token": "guess"}}
    old = {**message(), "header": header("im.message.receive_v1", created=time.time() - 13 * 3600)}
    short = json.dumps({"encrypt": base64.b64encode(os.urandom(16)).decode()}).encode()
    return {
        "no signature": ({}, body),
        "wrong signature": ({**headers, "X-Lark-Signature": "0" * 64}, body),
        "another nonce": ({**headers, "X-Lark-Request-Nonce": "n"}, body),
        "another time": ({**headers, "X-Lark-Request-Timestamp": "1"}, body),
        "no time": ({"X-Lark-Signature": headers["X-Lark-Signature"]}, body),
        "one more blank": (headers, body + b" "),
        "one bit of the text": (headers, bent),
        "one bit, signed again by a thief of nothing": (signature(bent, "guess"), bent),
        "another key": other_key,
        "right signature over nothing readable": (signature(bent), bent),
        "only an IV": (signature(short), short),
        "not encrypted": (signature(json.dumps(message()).encode()), json.dumps(message()).encode()),
        "wrong token": sealed(wrong_token),
        "thirteen hours old": sealed(old),
        "no JSON": (signature(b"hello"), b"hello"),
        "a list": (signature(b"[]"), b"[]"),
        "deep": (signature(b"[" * 90_000), b"[" * 90_000),
        "nothing": ({}, b""),
        "letters outside ASCII": ({**headers, "X-Lark-Signature": "\xe9" * 64}, body),
    }


async def test_everything_tampered_with_is_refused_alike(lark: OpenPlatform, open_house: Open) -> None:
    """One and the same answer for every reason, so that trying teaches nothing."""
    house = await open_house()
    for what, (headers, body) in _tampered().items():
        answer = await house.raw(body, {name: value.encode("latin-1") for name, value in headers.items()})  # type: ignore[misc]
        assert (answer.status_code, answer.json()) == (401, {"msg": REFUSED}), what

    large = await house.raw(b'{"encrypt":"' + b"A" * MOST_BYTES + b'"}', {})
    assert large.status_code == 413
    assert lark.answers() == []


async def test_without_an_encrypt_key_the_token_decides(lark: OpenPlatform, open_house: Open) -> None:
    """Plain events are possible then; one without the token never passes."""
    house = await open_house(lark_encrypt_key="")
    event = message()
    nameless = {**event, "header": {**event["header"], "token": ""}}
    assert (await house.raw(json.dumps(nameless).encode(), {})).status_code == 401
    assert (await house.raw(json.dumps(event).encode(), {})).status_code == 200
    await until(lark.answers)


async def test_a_click_is_answered_over_the_webhook(lark: OpenPlatform, open_house: Open) -> None:
    """Also one that carries nothing of ours."""
    house = await open_house()
    answer = (await house.post(click({"key": "of another bot"}, message_id="om_x"))).json()

    assert answer["toast"]["i18n"]["zh_cn"]


@given(body=st.binary(max_size=300), headers=st.dictionaries(st.sampled_from(["x-lark-signature", "x-lark-request-nonce"]), st.text()))
def test_no_bytes_open_the_gate_or_break_it(body: bytes, headers: dict[str, str]) -> None:
    """Whatever is posted without the key is refused, never an error."""
    for gate in (
        Gate(KEY, "", lambda: datetime.now(UTC)),
        Gate("", TOKEN, lambda: datetime.now(UTC)),
        Gate(KEY, TOKEN, lambda: datetime.now(UTC)),
    ):
        with pytest.raises(Refused):
            gate.open(headers, body)


def test_the_published_example_opens() -> None:
    """The vendor's own: key `test key`, text `hello world`."""
    gate = Gate("test key", "", lambda: datetime.now(UTC))

    assert gate._decrypted({"encrypt": "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk="}) == b"hello world"


@pytest.mark.parametrize(
    ("raw", "at"), [("1700000000", 1.7e9), (1700000000000, 1.7e9), ("1700000000000000", 1.7e9), ("soon", None), ("nan", None)]
)
def test_moments_come_in_three_sizes(raw: object, at: float | None) -> None:
    """Seconds, milliseconds, microseconds."""
    assert seconds(raw) == at


async def test_the_platforms_own_node_sdk_and_ours_agree(lark: OpenPlatform, open_house: Open) -> None:
    """What our door accepts, an independent receiver accepts and reads the same; what ours refuses, it does not hand on."""
    node = shutil.which("node")
    if node is None:
        absent("no Node.js on this machine")
    if not (PEERS / "node_modules" / "@larksuiteoapi" / "node-sdk").exists():
        absent("@larksuiteoapi/node-sdk is not installed (make peers)")
    event = message("help")
    headers, body = sealed(event)
    deliveries = [(headers, body), ({**headers, "X-Lark-Signature": "0" * 64}, body)]
    lines = [json.dumps({"headers": {k.lower(): v for k, v in h.items()}, "body": b.decode()}) for h, b in deliveries]
    peer = subprocess.run(  # noqa: ASYNC221 - nothing else runs meanwhile
        [node, str(PEERS / "lark" / "receive.mjs"), KEY, TOKEN],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    read: list[Any] = [json.loads(line) for line in peer.stdout.splitlines()]
    house = await open_house()
    ours = [(await house.raw(b, h)).status_code for h, b in deliveries]

    assert [row["message"] if row else None for row in read] == [event["event"]["message"]["message_id"], None]
    assert ours == [200, 401]


def test_encryption_for_speed_is_the_same_as_openssl() -> None:
    """The tests' own shortcut opens at the gate like the command line's."""
    event = message()
    body = json.dumps({"encrypt": encrypt(event)}).encode()
    gate = Gate(KEY, TOKEN, lambda: datetime.now(UTC))

    assert gate.open({name.lower(): value for name, value in signature(body).items()}, body) == event
