"""A foreign page must reach nothing, under whatever name it calls this machine (DNS rebinding), and whatever it posts."""

from __future__ import annotations

from pathlib import Path

import pytest

from handlers.settings import load_settings
from handlers.web.addresses import Hosts
from tests.inbound import API_KEY, Inbound, routes

JSON = {"content-type": "application/json"}
ASK = b'{"text": "99991679"}'


def inbound(folder: Path, **settings: object) -> Inbound:
    """All routes over a store of its own."""
    return Inbound(str(folder), **settings)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[bad",
        "a b",
        "0.0.0.0:8080",
        "10.0.0.7",
    ],
)
async def test_hole_07_a_foreign_host_name_reaches_nothing(host: str, tmp_path: Path) -> None:
    """No route but the two probes answers, keyless or with a key, and the name is not repeated."""
    app = inbound(tmp_path)
    for method, pattern in routes(app.app):
        path = pattern.replace("{", "").replace("}", "")
        answer = await app.send(method, path.encode(), {**JSON, "authorization": f"Bearer {API_KEY}"}, ASK, host=host)
        if path in ("/healthz", "/readyz"):
            assert answer.status == 200
        else:
            assert answer.status == 421, path
            assert not host.partition(":")[0] or host.partition(":")[0].encode() not in answer.body + str(answer.headers).encode()


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST", "[::1]:8080", "bot.example.com", "Bot.Example.com:443"])
async def test_hole_07_our_own_names_are_answered(host: str, tmp_path: Path) -> None:
    """The public name and the loopback's, with any port and in any case."""
    app = inbound(tmp_path, public_url="https://bot.example.com")

    assert (await app.send("GET", b"/docs", host=host)).status == 200


async def test_hole_07_two_host_headers_are_refused() -> None:
    """Which one counts would be a guess."""
    hosts = Hosts("https://bot.example.com")

    assert hosts.knows(["bot.example.com"])
    assert not hosts.knows(["bot.example.com", "evil.example"])
    assert not hosts.knows([])


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 200),
        ({"public_url": "http://127.0.0.1:8080"}, 200),
        ({"public_url": "https://bot.example.com"}, 401),
        ({"host": "0.0.0.0"}, 401),  # noqa: S104 - nothing listens
        ({"host": "::"}, 401),
        ({"host": "192.0.2.7"}, 401),
        ({"api_keys": API_KEY}, 401),
    ],
)
async def test_hole_07_without_a_key_only_while_nobody_else_can_call(settings: dict[str, str], status: int, tmp_path: Path) -> None:
    """As soon as a public address is set or the server listens wide, the API wants a key, also from this machine."""
    app = inbound(tmp_path, **{"api_keys": "", **settings})

    assert (await app.send("POST", b"/v1/explain", JSON, ASK)).status == status
    assert (await app.send("GET", b"/v1/reports/x")).status == (404 if status == 200 else 401)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"origin": "http://[bad"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
    ],
)
async def test_hole_07_every_route_that_changes_something_checks_the_origin(headers: dict[str, str], tmp_path: Path) -> None:
    """Also the API and the webhooks: whoever holds a key in a browser must not be used by a foreign page."""
    app = inbound(tmp_path)
    changing = [pattern for method, pattern in routes(app.app) if method not in ("GET", "HEAD")]
    assert len(changing) >= 10
    for pattern in changing:
        answer = await app.send("POST", pattern.encode(), {**JSON, "authorization": f"Bearer {API_KEY}", **headers}, ASK)
        assert answer.status == 403, pattern
        assert b"foreign_origin" in answer.body


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://127.0.0.1:8080"}, {"sec-fetch-site": "same-origin", "origin": "null"}, {"sec-fetch-site": "same-origin"}],
)
async def test_hole_07_programs_and_our_own_pages_pass(headers: dict[str, str], tmp_path: Path) -> None:
    """A program sends neither header; a form under our referrer policy says null and same-origin."""
    app = inbound(tmp_path)

    assert (await app.send("POST", b"/v1/explain", {**JSON, "authorization": f"Bearer {API_KEY}", **headers}, ASK)).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
async def test_hole_07_json_under_another_name_is_refused(kind: str, tmp_path: Path) -> None:
    """What a foreign page may send without asking first (a "simple" request) is never read as JSON."""
    app = inbound(tmp_path, api_keys="")
    headers = {"content-type": kind} if kind else {}
    for path in (b"/v1/explain", b"/v1/reports"):
        answer = await app.send("POST", path, headers, ASK)
        assert answer.status == 422
        assert answer.body.startswith(b'{"error":')
    assert (await app.send("POST", b"/chat/person", headers, b'{"person": "alice"}')).status == 400


def test_hole_07_where_the_server_can_be_reached_from() -> None:
    """`local_only` is what the keyless API hangs on."""
    assert load_settings().local_only
    assert not load_settings(host="0.0.0.0").local_only  # noqa: S104 - nothing listens
    assert not load_settings(public_url="https://bot.example.com").local_only
