"""A small world for consents: a store in memory, a strict platform as values, people who click. No network, no clock but ours."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bot import platforms
from bot.model import App, AppFacts, Diagnosis, Facts, Finding, Identity, Mode, Person, Place, Proof, Reply, Text
from bot.oauth.messages import PlatformRefusal, Request, Response, Token
from bot.platforms.api import Checks
from bot.ports import Card, Report, StoredToken
from bot.service import Service
from bot.services import card_snapshot
from bot.services.context import Context

NARROW, WIDE = "docx:document:readonly", "docx:document"
ALICE = Person("slack", "T1", "U1", "Alice")
BOB = Person("slack", "T1", "U2", "Bob")
PLACE = Place("slack", "T1", "C1", "171.1", "171.2")
APP = App(
    platform="lark",
    app_id="cli_a1b2c3d4e5f60718",
    name="Weekly report",
    brand="feishu",
    secret="app-secret-app-secret",
    redirect_uri="https://bot.example/consent/callback/lark/cli_a1b2c3d4e5f60718",
    owners=("slack:T1:UOWNER",),
    notify_url="https://weekly.example/hook",
    app_key="key-of-the-app-key-of-the-app",
)
HANDOFF = replace(APP, mode="handoff", secret="", entry_url="https://weekly.example/authorize?from=bot")


class Hands:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def go(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def until(self, moment: datetime) -> None:
        await asyncio.sleep(0)  # whoever asks at the same time is heard first
        self.at = max(self.at, moment)


class Here:
    """The `Workers` port without threads."""

    async def run(self, work: Any, *, heavy: bool = False) -> Any:
        return work()


class Dice:
    """Randomness that never repeats and can be read in a failure."""

    def __init__(self, salt: str = "") -> None:
        self.salt, self.count = salt, 0

    def token(self) -> str:
        self.count += 1
        return urlsafe_b64encode(sha256(f"{self.salt}{self.count}".encode()).digest()).decode().rstrip("=") + "x" * 10


class GlassVault:
    """Sealing that a test can recognise: what is sealed never contains its plain text."""

    def seal(self, plain: str) -> str:
        return "sealed:" + urlsafe_b64encode(plain.encode()[::-1]).decode()

    def open(self, sealed: str) -> str:
        kind, _, text = sealed.partition(":")
        assert kind == "sealed", "something was stored that was not sealed"
        return urlsafe_b64decode(text)[::-1].decode()


def _token_key(platform: str, app_id: str, subject: str, person: Person | None) -> tuple[object, ...]:
    return (platform, app_id, subject, person and (person.surface, person.tenant, person.user_id))


class MemoryStore:
    """The `Store` port in dictionaries. Every method is one step, as the port promises."""

    def __init__(self) -> None:
        self.cards: dict[str, Card] = {}
        self.flows: dict[str, tuple[dict[str, Any], str, str, int]] = {}
        self.tokens: dict[tuple[object, ...], StoredToken] = {}
        self.accounts: dict[tuple[str, str, str, str], str] = {}
        self.leases: dict[str, tuple[str, datetime]] = {}
        self.claims: dict[str, datetime] = {}
        self.mutes: dict[tuple[str, str], datetime | None] = {}
        self.reports: dict[tuple[str, str], Report] = {}
        self.trail: list[dict[str, Any]] = []
        self.voices: dict[tuple[str, str], bool] = {}

    async def put_card(self, card: Card) -> bool:
        return self.cards.setdefault(card.id, card) is card

    async def card(self, card_id: str) -> Card | None:
        return self.cards.get(card_id)

    async def save_card(self, card: Card) -> bool:
        if self.cards[card.id].version != card.version:
            return False
        json.dumps(card.snapshot)
        self.cards[card.id] = replace(card, version=card.version + 1)
        return True

    async def recent_card(self, place: Place, need: str, since: datetime) -> Card | None:
        return next((c for c in reversed(await self.cards_in(place)) if c.need == need and c.created >= since), None)

    async def cards_in(self, place: Place, limit: int = 50) -> Sequence[Card]:
        wanted = (place.surface, place.tenant, place.chat)
        return [c for c in self.cards.values() if (c.place.surface, c.place.tenant, c.place.chat) == wanted][-limit:]

    async def remember(self, reports: Sequence[Report]) -> None:
        self.reports.update(
            {(each, report.tenant): replace(report, request_ids=(each,)) for report in reports for each in report.request_ids}
        )

    async def recall(self, request_ids: Sequence[str], tenant: str = "") -> Report | None:
        return next((kept for each in request_ids for whose in (tenant, "") if (kept := self.reports.get((each, whose)))), None)

    async def put_flow(self, flow_id: str, row: Mapping[str, Any], *, state: str, owner: str, supersede: bool) -> Sequence[str]:
        ended = []
        for other, (kept, column, whose, version) in self.flows.items():
            if supersede and whose == owner and column in ("offered", "started"):
                self.flows[other] = ({**kept, "state": "superseded"}, "superseded", whose, version + 1)
                ended.append(other)
        self.flows[flow_id] = (json.loads(json.dumps(row)), state, owner, 0)
        return ended

    async def flow(self, flow_id: str) -> tuple[Mapping[str, Any], int] | None:
        kept = self.flows.get(flow_id)
        return (kept[0], kept[3]) if kept else None

    async def save_flow(self, flow_id: str, row: Mapping[str, Any], *, state: str, version: int) -> bool:
        _, _, owner, now = self.flows[flow_id]
        if version != now:
            return False
        self.flows[flow_id] = (json.loads(json.dumps(row)), state, owner, version + 1)
        return True

    async def flows_in(self, states: Sequence[str]) -> Sequence[str]:
        return [flow_id for flow_id, kept in self.flows.items() if kept[1] in states]

    async def put_token(self, token: StoredToken) -> None:
        key = _token_key(token.platform, token.app_id, token.subject, token.person)
        old = self.tokens.get(key)
        self.tokens[key] = replace(token, version=old.version + 1 if old else token.version)

    async def token(self, platform: str, app_id: str, subject: str, person: Person | None) -> StoredToken | None:
        return self.tokens.get(_token_key(platform, app_id, subject, person))

    async def tokens_for(self, platform: str, app_id: str, subject: str) -> Sequence[StoredToken]:
        return [t for t in reversed(self.tokens.values()) if (t.platform, t.app_id, t.subject) == (platform, app_id, subject)]

    async def save_token(self, token: StoredToken) -> bool:
        key = _token_key(token.platform, token.app_id, token.subject, token.person)
        if key not in self.tokens or self.tokens[key].version != token.version:
            return False
        self.tokens[key] = replace(token, version=token.version + 1)
        return True

    async def tokens_of(self, person: Person) -> Sequence[StoredToken]:
        return [t for t in self.tokens.values() if t.person and (t.person.surface, t.person.user_id) == (person.surface, person.user_id)]

    async def drop_token(self, platform: str, app_id: str, subject: str, person: Person | None, version: int | None = None) -> bool:
        return self.tokens.pop(_token_key(platform, app_id, subject, person), None) is not None

    async def lease(self, name: str, holder: str, until: datetime, now: datetime) -> bool:
        whose, end = self.leases.get(name, (holder, now))
        if whose != holder and end > now:
            return False
        self.leases[name] = (holder, until)
        return True

    async def account_of(self, person: Person, platform: str) -> str | None:
        return self.accounts.get((person.surface, person.tenant, person.user_id, platform))

    async def bind_account(self, person: Person, platform: str, subject: str) -> bool:
        return self.accounts.setdefault((person.surface, person.tenant, person.user_id, platform), subject) == subject

    async def claim(self, key: str, now: datetime, ttl_seconds: float) -> bool:
        if self.claims.get(key, now) > now:
            return False
        self.claims[key] = now + timedelta(seconds=ttl_seconds)
        return True

    async def mute(self, place: Place, need: str, until: datetime | None, by: Person) -> None:
        self.mutes[place.chat, need] = until

    async def muted(self, place: Place, need: str, now: datetime) -> bool:
        until = self.mutes.get((place.chat, need), now)
        return until is None or until > now

    async def feedback(self, card_id: str, person: Person, helpful: bool) -> None:
        self.voices[card_id, person.user_id] = helpful

    async def audit(self, at: datetime, actor: Person | None, action: str, detail: Mapping[str, Any]) -> None:
        self.trail.append({"at": at.isoformat(), "actor": actor and actor.user_id, "action": action, **json.loads(json.dumps(detail))})

    async def audit_rows(self, since: datetime | None = None) -> Sequence[Mapping[str, Any]]:
        return self.trail


# ---------------------------------------------------------------- the platform


@dataclass
class Account:
    """Somebody at the platform, with all that they ever granted (grants add up)."""

    open_id: str
    name: str
    granted: set[str] = field(default_factory=set)


@dataclass
class Code:
    """An authorization code as the platform remembers it."""

    account: str
    challenge: str
    redirect_uri: str
    born: datetime
    used: bool = False


Fault = Callable[[Request], Response | PlatformRefusal | None]


class Platform:
    """Feishu's authorization as its documentation has it, strictly: S256, exact redirect address, codes that work once, for five minutes.

    `enabled` are the app's scopes, `works_with` those of which any lets the refused call pass. `faults` answer instead, one request each.
    """

    def __init__(self, clock: Hands) -> None:
        self.clock = clock
        self.accounts = {"alice": Account("ou_alice", "Alice"), "mallory": Account("ou_mallory", "Mallory")}
        self.enabled = {NARROW, WIDE, "offline_access"}
        self.works_with = {NARROW, WIDE}
        self.secret = APP.secret
        self.codes: dict[str, Code] = {}
        self.tokens: dict[str, str] = {}
        self.scopes_of: dict[str, set[str]] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.exchanged: list[str] = []
        self.refused: list[str] = []
        self.proofs = 0
        self.drop: set[str] = set()

    # the person's browser

    def consent(self, url: str, who: str = "alice", *, approve: bool = True) -> dict[str, str]:
        """Somebody opens the authorize page and decides; returns the query of the callback."""
        parts, query = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
        assert (parts.scheme, parts.netloc, parts.path) == ("https", "accounts.feishu.cn", "/open-apis/authen/v1/authorize")
        assert (query["client_id"], query["redirect_uri"], query["code_challenge_method"]) == (APP.app_id, APP.redirect_uri, "S256")
        asked = set(query["scope"].split())
        assert asked <= self.enabled, "20027: the page dies for the user"
        if not approve:
            return {"error": "access_denied", "state": query["state"]}
        account = self.accounts[who]
        account.granted |= asked - self.drop
        code = f"code-{len(self.codes)}"
        self.codes[code] = Code(who, query["code_challenge"], query["redirect_uri"], self.clock.now())
        return {"code": code, "state": query["state"]}

    def in_client(self, state: str, scopes: Sequence[str], who: str = "alice") -> dict[str, str]:
        """`tt.requestAccess` inside the client: no redirect, no PKCE."""
        self.accounts[who].granted |= {*scopes, "offline_access"} - self.drop
        code = f"code-{len(self.codes)}"
        self.codes[code] = Code(who, "", "", self.clock.now())
        return {"code": code, "state": state}

    # the `Http` port

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        for fault in self.faults:
            answer = fault(request)
            if answer is not None:
                self.faults.remove(fault)
                if isinstance(answer, PlatformRefusal):
                    raise answer
                return answer
        path = urlsplit(request.url).path
        if path == "/open-apis/authen/v2/oauth/token":
            return self._token(request.json or {})
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if path == "/test/app":
            return _answer(200, {"code": 0, "enabled": sorted(self.enabled)})
        if bearer not in self.tokens:
            return _answer(401, {"code": 99991668, "msg": "invalid access token"})
        who = self.accounts[self.tokens[bearer]]
        if path == "/open-apis/authen/v1/user_info":
            return _answer(200, {"code": 0, "data": {"open_id": who.open_id, "union_id": f"on_{who.name}", "name": who.name}})
        assert path == "/test/call"
        self.proofs += 1
        return _answer(200, {"code": 0 if self.scopes_of[bearer] & self.works_with else 99991679})

    def _token(self, body: Mapping[str, Any]) -> Response:
        assert body["grant_type"] == "authorization_code"
        code = self.codes.get(str(body.get("code")))
        refusal = self._wrong(body, code)
        if refusal or code is None:
            self.refused.append(str(body.get("code")))
            return _answer(400, {"code": refusal, "error": "invalid_grant", "error_description": "no"})
        code.used = True
        self.exchanged.append(str(body["code"]))
        token = f"u-token{len(self.tokens)}-{'z' * 20}"
        self.tokens[token] = code.account
        self.scopes_of[token] = set(self.accounts[code.account].granted)
        scope = " ".join(sorted(self.scopes_of[token]))
        return _answer(
            200,
            {
                "code": 0,
                "access_token": token,
                "expires_in": 7200,
                "refresh_token": f"ur-{token}",
                "refresh_token_expires_in": 604800,
                "scope": scope,
            },
        )

    def _wrong(self, body: Mapping[str, Any], code: Code | None) -> int:
        if body.get("client_secret") != self.secret or body.get("client_id") != APP.app_id:
            return 20002
        if code is None:
            return 20003
        if code.used:
            return 20065
        if self.clock.now() - code.born > timedelta(minutes=5):
            return 20004
        if (body.get("redirect_uri") or "") != code.redirect_uri:
            return 20071
        verifier = str(body.get("code_verifier") or "")
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=") if verifier else ""
        return 20049 if challenge != code.challenge else 0


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())


def once(path: str, answer: Response | PlatformRefusal) -> Fault:
    """The next request to `path` gets this answer, or never arrives."""

    return lambda request: answer if request.url.endswith(path) else None


class Timeout(PlatformRefusal):
    """What the `Http` port raises when nobody answers."""

    def __init__(self) -> None:
        super().__init__("timeout", blame="platform", retryable=True)


class TestChecks:
    """Looks at our test platform: what the app has enabled, and whether the refused call passes now."""

    __test__ = False

    def app_facts(self, app: App) -> Generator[Request, Response, AppFacts]:
        answer = yield Request("GET", "https://open.feishu.cn/test/app")
        return AppFacts(enabled={name: frozenset({Identity.USER}) for name in answer.data()["enabled"]})

    def prove(self, app: App, token: Token, diagnosis: Diagnosis, needed: Sequence[str]) -> Generator[Request, Response, Proof]:
        assert diagnosis.finding.platform == "lark"
        answer = yield Request("GET", "https://open.feishu.cn/test/call", headers={"authorization": f"Bearer {token.access_token}"})
        if answer.status == 401:
            raise PlatformRefusal("99991668", blame="token")
        if answer.data()["code"] == 0:
            return Proof(True, Text("the call passes now.", "调用现在成功。"), "test")
        return Proof(False, Text("it still says 99991679.", "仍返回 99991679。"), "test")


def teach(monkeypatch: Any) -> None:
    """Let the platform `lark` have our checks; everything else of it is the real thing."""
    real, ours = platforms.checks, TestChecks()

    def checks(platform: str) -> Checks | None:
        return Checks(prove=ours.prove, app_facts=ours.app_facts) if platform == "lark" else real(platform)

    monkeypatch.setattr(platforms, "checks", checks)


class Voice:
    """The `Messenger` port: remembers what was shown and whispered."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, Reply]] = []
        self.whispers: list[tuple[str, str]] = []
        self.works = True

    async def update(self, card: Card, reply: Reply) -> bool:
        self.shown.append((card.id, reply))
        return self.works

    async def whisper(self, person: Person, place: Place, reply: Reply) -> bool:
        self.whispers.append((person.user_id, reply.fallback))
        return True


class Mailbox:
    """The `Notices` port."""

    def __init__(self) -> None:
        self.kept: dict[str, Mapping[str, Any]] = {}

    async def notify(self, app: App, key: str, body: Mapping[str, Any]) -> None:
        self.kept.setdefault(key, body)


class Scene:
    """Everything together, with the steps that people take."""

    def __init__(self, *, app: App = APP, store: Any = None, voice: bool = True) -> None:
        self.clock, self.dice, self.vault = Hands(), Dice(), GlassVault()
        self.store: Any = store or MemoryStore()
        self.platform, self.voice, self.mail = Platform(self.clock), Voice(), Mailbox()
        self.app = app
        self.context = Context(
            store=self.store,
            http=self.platform,
            vault=self.vault,
            clock=self.clock,
            random=self.dice,
            workers=Here(),
            apps=(app,),
            messengers={"slack": self.voice} if voice else {},
            notices=self.mail,
            public_url="https://bot.example",
        )
        self.service = Service(self.context)

    def restart(self, **ports: Any) -> None:
        """The process ended; another one begins with the same store."""
        self.context = replace(self.context, **ports)
        self.service = Service(self.context)

    async def card(
        self, asker: Person | None = ALICE, *, scopes: Sequence[str] = (NARROW, WIDE), mode: Mode = Mode.ANY, card_id: str = "card"
    ) -> Card:
        """A card as it stands in the chat after somebody pasted Feishu's 99991679."""
        finding = Finding(
            "lark",
            ("99991679",),
            message=f"required one of these privileges: [{', '.join(scopes)}]",
            request_ids=("20260301120000000000000000000000AA",),
            scopes=tuple(scopes),
            scopes_mode=mode,
            identity=Identity.USER,
            app_id=self.app.app_id,
            hints={"brand": "feishu"},
        )
        kept = card_snapshot.make((finding,), Facts(), asker=asker)
        made = Card(card_id, PLACE, asker, kept, "en", self.clock.now(), need="need")
        await self.store.put_card(made)
        return made

    async def click(self, person: Person = ALICE, action: str = "reauthorize", card_id: str = "card", place: Place = PLACE) -> Any:
        return await self.service.click(card_id, action, person, place)

    async def ticket(self, person: Person = ALICE, card_id: str = "card") -> str:
        """Click the button; the ticket of the personal link."""
        clicked = await self.click(person, card_id=card_id)
        assert clicked.url.startswith("https://bot.example/consent/"), clicked.toast
        return str(clicked.url.rpartition("/")[2])

    async def started(self, person: Person = ALICE, card_id: str = "card") -> Any:
        """Click, open the link, confirm."""
        return await self.service.start(await self.ticket(person, card_id))

    async def finish(self, query: Mapping[str, str], cookie: str, *, platform: str = "lark", app_id: str = "") -> str:
        return await self.service.finish(platform, app_id or self.app.app_id, query, cookie)

    async def loop(self, who: str = "alice", person: Person = ALICE, card_id: str = "card") -> SimpleNamespace:
        """The whole way; returns flow, outcome and what the browser held."""
        started = await self.started(person, card_id)
        query = self.platform.consent(started.url, who)
        flow_id = await self.finish(query, started.cookie)
        return SimpleNamespace(
            flow_id=flow_id, started=started, query=query, view=(await self.service.outcome(flow_id, started.cookie)).view
        )

    async def state(self, flow_id: str = "") -> str:
        """The state of a flow, or of the card's newest one."""
        flow_id = flow_id or (await self.store.card("card")).flow_id
        return str((await self.store.flow(flow_id))[0]["state"])

    def says(self) -> str:
        """What the card says now."""
        return self.voice.shown[-1][1].fallback
