"""The JSON API and the pages' headers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from handlers.web.api import from_this_machine
from handlers.web.examples import examples
from tests.web.conftest import KEY, Site

FEISHU = next(e.text for e in examples(practice=True) if e.file == "feishu-99991679.json")
LOG_ID = "2024110416232661C50BC902DF30E6C183"


def test_explain(client: httpx.Client) -> None:
    """The contract's fields come back, and a rendered reply when asked for."""
    answer = client.post("/v1/explain", json={"text": FEISHU, "format": "slack", "lang": "zh"}).json()

    assert answer["diagnoses"][0]["codes"] == ["99991679"]
    assert answer["reply"]["blocks"]


def test_explain_says_why_there_is_nothing(client: httpx.Client) -> None:
    """Talk is no error: an empty list and the reason."""
    answer = client.post("/v1/explain", json={"text": "shall we have lunch?"}).json()

    assert answer["diagnoses"] == []
    assert answer["why_nothing"]


def test_a_report_can_be_looked_up_by_its_log_id(client: httpx.Client) -> None:
    """An app sends its failure; the bare log_id later gives the whole diagnosis."""
    assert client.get(f"/v1/reports/{LOG_ID}").status_code == 404

    saved = client.post("/v1/reports", json={"text": FEISHU})
    found = client.get(f"/v1/reports/{LOG_ID}").json()

    assert saved.status_code == 201
    assert saved.json()["request_ids"] == [LOG_ID]
    assert (found["cause"], found["scopes"][0]) == ("user_scope_missing", "sheets:spreadsheet")


@pytest.mark.parametrize(
    ("path", "body", "status", "named"),
    [
        ("/v1/explain", {"text": "x" * 1_000_001}, 422, "text"),
        ("/v1/explain", {"text": "x", "format": "xml"}, 422, "format"),
        ("/v1/explain", {"txt": "x"}, 422, "field txt"),
        ("/v1/explain", {"text": 7}, 422, "field text"),
        ("/v1/explain", ["x"], 422, "the body"),
        ("/v1/reports", {"text": "no error here"}, 422, "text"),
        ("/v1/tokens", {"subject": "ou_1"}, 403, "app"),
    ],
)
def test_bad_bodies_name_the_field(client: httpx.Client, path: str, body: object, status: int, named: str) -> None:
    """A refusal says which field is wrong, and never repeats what was sent."""
    answer = client.post(path, json=body)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert named in answer.json()["error"]
    assert len(answer.text) < 600


def test_a_body_that_is_no_json_is_refused_alike(client: httpx.Client) -> None:
    """Half a JSON body gets one sentence, too, and the OpenAPI document knows no other shape of a refusal."""
    answer = client.post("/v1/explain", content=b'{"text": ', headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]
    assert "the body" in answer.json()["error"]
    assert "HTTPValidationError" not in client.get("/openapi.json").text


def test_no_key_no_answer(site: Site) -> None:
    """With keys configured, nobody explains or looks up without one."""
    assert httpx.post(f"{site.url}/v1/explain", json={"text": "x"}).status_code == 401
    assert httpx.get(f"{site.url}/v1/reports/x", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/healthz", "/readyz", "/metrics", "/openapi.json", "/consent/nothing", "/nowhere", "/static/chat.js"]
)
def test_every_answer_carries_the_headers(client: httpx.Client, path: str) -> None:
    """No page may be framed, cached with secrets, sniffed, or tell where the reader came from; nothing foreign is loaded."""
    answer = client.get(path, headers={"Accept": "text/html"})
    policy = answer.headers["content-security-policy"]

    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "http://" not in policy.replace("http://127.0.0.1", "")


def test_metrics_hold_no_ticket(client: httpx.Client) -> None:
    """Metrics name routes, never paths: a personal link is not in them."""
    client.get("/consent/a-very-personal-ticket")

    assert "a-very-personal-ticket" not in client.get("/metrics").text


def test_pages_of_other_sites_cannot_post_for_the_reader(client: httpx.Client) -> None:
    """A form on somebody else's page is refused, whatever it knows."""
    for path in ("/chat/messages", "/consent/x/start", "/consent/callback/lark/cli_a"):
        answer = client.post(path, data={"text": "x"}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, path


@pytest.mark.parametrize("body", [b'{"text": "\\ud800"}', b'{"text": "x", "lang": "\\udfff"}', b'{"\\ud800": 1, "text": "x"}'])
def test_half_a_character_is_refused(client: httpx.Client, body: bytes) -> None:
    """JSON can spell a lone surrogate, which UTF-8 cannot hold: a sentence and 422, wherever it stands."""
    answer = client.post("/v1/explain", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, list(answer.json())) == (422, ["error"])


@pytest.mark.parametrize(("path", "kind"), [("/v1/explain", "application/json"), ("/chat/messages", "application/x-www-form-urlencoded")])
def test_a_body_in_chunks_is_measured_while_it_comes(client: httpx.Client, path: str, kind: str) -> None:
    """Without a length beforehand there is a limit, too, and the sentence names it."""

    def chunks() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 1_000_000

    try:
        answer = client.post(path, content=chunks(), headers={"Content-Type": kind})
    except httpx.TransportError:  # the server hung up on the rest
        pass
    else:
        assert answer.status_code in {400, 413}
        assert "MB" in answer.json()["error"]


def test_a_wrong_method_is_refused_alike(client: httpx.Client) -> None:
    """405 has the shape of every refusal, and says what would do."""
    answer = client.get("/v1/explain")

    assert (answer.status_code, list(answer.json()), answer.headers["allow"]) == (405, ["error"], "POST")


def test_oversized_request(client: httpx.Client) -> None:
    """More than the limit is refused before it is read."""
    answer = client.post("/chat/messages", content=b"x" * 9_000_000)

    assert answer.status_code == 413
    assert "MB" in answer.json()["error"]


def test_a_kept_connection_is_answered_at_once(client: httpx.Client) -> None:
    """No answer waits for the operating system's delay of small packets (40 ms each, on every page of a browser)."""
    client.get("/healthz")

    assert min(client.get("/healthz").elapsed.total_seconds() for _ in range(20)) < 0.03


def test_version_is_told() -> None:
    """The installed package knows its version."""
    assert version("whyforbidden")


def test_every_operation_declares_its_key(client: httpx.Client) -> None:
    """The document names the security scheme, so that generated clients (and testers) send it; only signed hand-offs need none."""
    document = client.get("/openapi.json").json()

    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    free = [
        path for path, methods in document["paths"].items() for operation in methods.values() if operation.get("security") != [{"key": []}]
    ]
    assert free == ["/v1/consents/{flow_id}"]


@pytest.mark.parametrize("key", [KEY, "not-a-key-of-this-house", None])
def test_the_api_does_what_it_documents(site: Site, key: str | None) -> None:
    """Generated requests for every documented operation, with the key, a wrong one and none: no server error, no undocumented status or type."""
    schema = schemathesis.openapi.from_url(f"{site.url}/openapi.json")
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) >= 5
    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

    for operation in operations:

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(case=operation.as_strategy())
        def holds(case: schemathesis.Case) -> None:
            case.headers.pop("Authorization", None)
            answer = case.call(headers={"Authorization": f"Bearer {key}"} if key else {})
            case.validate_response(answer, checks=checks)
            if key != KEY and "consents" not in case.operation.path:
                assert answer.status_code in (400, 401, 422)

        holds()


def test_only_this_machine_needs_no_key() -> None:
    """Without keys loopback may ask; a proxy that speaks for somebody else may not."""
    from starlette.requests import Request

    def asked(client: str, **headers: str) -> bool:
        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return from_this_machine(Request({"type": "http", "client": (client, 1), "headers": raw}))

    assert asked("127.0.0.1")
    assert not asked("203.0.113.7")
    assert not asked("127.0.0.1", x_forwarded_for="203.0.113.7")
    assert not asked("127.0.0.1", forwarded="for=203.0.113.7")
