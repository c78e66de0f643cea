"""Events as the platform makes them, and their encryption by the OpenSSL command line (an implementation that is not ours)."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from hashlib import sha256
from itertools import count
from typing import Any

from tests.lark.platform import ALICE, APP_ID, BOT, TENANT
from tests.peers import absent

KEY, TOKEN = "encrypt key of the tests", "verification-token-of-the-tests"
CHAT, GROUP = "oc_p2p_alice", "oc_group"
ERROR = (
    '{"code":99991679,"msg":"Unauthorized. You do not have permission to perform the requested operation on the resource. Please request '
    'user re-authorization and try again. required one of these privileges: [sheets:spreadsheet, drive:drive].",'
    '"error":{"log_id":"20261121101112ABCDEF01234567890A"}}'
)
_numbers = count(1)


def header(kind: str, *, created: float | None = None, event_id: str = "") -> dict[str, Any]:
    """The header of a 2.0 event."""
    at = time.time() if created is None else created
    return {
        "event_id": event_id or f"ev_{next(_numbers)}",
        "event_type": kind,
        "create_time": str(int(at * (1_000_000 if kind == "card.action.trigger" else 1000))),
        "token": TOKEN,
        "app_id": APP_ID,
        "tenant_key": TENANT,
    }


def message(
    text: str = ERROR,
    *,
    kind: str = "text",
    content: dict[str, Any] | None = None,
    chat: str = CHAT,
    sender: str = ALICE,
    mention: str = "",
    **more: Any,
) -> dict[str, Any]:
    """A message; in `CHAT` a direct one. `mention`: an open_id that stands in front of the text."""
    names = {BOT: "whyforbidden"}
    said = content if content is not None else {"text": f"@_user_1 {text}" if mention else text}
    number = next(_numbers)
    now = str(int(time.time() * 1000))
    inside = {
        "message_id": f"om_{number}",
        "create_time": now,
        "update_time": now,
        "chat_id": chat,
        "chat_type": "group" if chat.startswith(GROUP) else "p2p",
        "message_type": kind,
        "content": json.dumps(said, ensure_ascii=False),
    }
    if mention:
        name = names.get(mention, "Somebody")
        inside["mentions"] = [{"key": "@_user_1", "id": {"open_id": mention}, "name": name, "tenant_key": TENANT}]  # type: ignore[assignment]
    event = {"sender": {"sender_id": {"open_id": sender}, "sender_type": "user", "tenant_key": TENANT}, "message": {**inside, **more}}
    return {"schema": "2.0", "header": header("im.message.receive_v1"), "event": event}


def again(event: dict[str, Any]) -> dict[str, Any]:
    """The same message under another event id, as happens."""
    return {**event, "header": {**event["header"], "event_id": f"ev_{next(_numbers)}"}}


def click(value: Any, *, message_id: str, chat: str = CHAT, who: str = ALICE) -> dict[str, Any]:
    """A click on a card."""
    event = {
        "operator": {"tenant_key": TENANT, "open_id": who, "union_id": "on_1"},
        "token": "c-1",
        "action": {"value": value, "tag": "button"},
        "host": "im_message",
        "context": {"open_message_id": message_id, "open_chat_id": chat},
    }
    return {"schema": "2.0", "header": header("card.action.trigger"), "event": event}


def menu(key: str) -> dict[str, Any]:
    """A choice from the bot's menu."""
    event = {"operator": {"operator_name": "Alice", "operator_id": {"open_id": ALICE}}, "event_key": key, "timestamp": 1}
    return {"schema": "2.0", "header": header("application.bot.menu_v6"), "event": event}


def sealed(event: dict[str, Any], *, key: str = KEY, signed: bool = True, when: float | None = None) -> tuple[dict[str, str], bytes]:
    """Headers and body as the platform would post them: AES by `openssl`, the signature by the documented formula."""
    tool = shutil.which("openssl")
    if tool is None:
        absent("no openssl on this machine")
    iv = os.urandom(16)
    command = [tool, "enc", "-aes-256-cbc", "-K", sha256(key.encode()).hexdigest(), "-iv", iv.hex()]
    cipher = subprocess.run(command, input=json.dumps(event, ensure_ascii=False).encode(), capture_output=True, check=True).stdout
    body = json.dumps({"encrypt": base64.b64encode(iv + cipher).decode()}, separators=(",", ":")).encode()
    return (signature(body, key, when) if signed else {}), body


def signature(body: bytes, key: str = KEY, when: float | None = None) -> dict[str, str]:
    """The three headers."""
    timestamp, nonce = str(int(when or time.time())), os.urandom(5).hex()
    digest = sha256((timestamp + nonce + key).encode() + body).hexdigest()
    return {"X-Lark-Request-Timestamp": timestamp, "X-Lark-Request-Nonce": nonce, "X-Lark-Signature": digest}


def buttons(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The values that a card's buttons carry, by action."""
    found: dict[str, dict[str, Any]] = {}

    def look(part: Any) -> None:
        if isinstance(part, dict):
            value = part.get("value")
            if part.get("type") == "callback" and isinstance(value, dict):
                found.setdefault(value["action"], value)
            for inside in part.values():
                look(inside)
        elif isinstance(part, list):
            for inside in part:
                look(inside)

    look(card)
    return found


def words(card: dict[str, Any], language: str = "en_us") -> str:
    """Everything a card says in one language."""
    out: list[str] = []

    def look(part: Any) -> None:
        if isinstance(part, dict):
            both = part.get("i18n_content")
            if isinstance(both, dict):
                out.append(both[language])
            for inside in part.values():
                look(inside)
        elif isinstance(part, list):
            for inside in part:
                look(inside)

    look(card)
    return "\n".join(out)
