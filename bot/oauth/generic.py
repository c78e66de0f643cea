"""What all authorization servers share: PKCE, addresses, strict reading of answers, the device grant's patience, a plain RFC provider.

Pure values and generators, as in `bot/platforms`: whoever drives a conversation does the sending (`converse`).
Sources: RFC 6749 (code flow, errors §4.1.2.1 and §5.2), RFC 7636 (PKCE), RFC 7009 (revocation), RFC 8628 (device grant).
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from bot.errors import Blame
from bot.model import App
from bot.oauth.messages import Account, Device, PlatformRefusal, Request, Response, T, Talk, Token, Wait
from bot.oauth.ports import Http
from bot.patterns import lazy

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
TOKEN_LIMIT = 16_384  # the longest token that is believed; the longest documented one is 4 KB
_CONTROLS = lazy(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")


# ---------------------------------------------------------------- building


def s256(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 §4.2)."""
    return urlsafe_b64encode(sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


def address(base: str, parameters: Mapping[str, str]) -> str:
    """`base` with a query; empty values are left out, blanks become `%20` (some pages read `+` literally)."""
    given = {name: value for name, value in parameters.items() if value}
    return f"{base}?{urlencode(given, quote_via=quote, safe='')}" if given else base


def basic(user: str, password: str) -> str:
    """The value of a Basic `Authorization` header."""
    return "Basic " + b64encode(f"{quote(user, safe='')}:{quote(password, safe='')}".encode()).decode("ascii")


def host(app: App, defaults: Mapping[str, str], name: str) -> str:
    """One of the platform's base addresses for this app: its own override first, then the platform's default.

    Raises `PlatformRefusal` (blame `app`) when there is neither, or when an override is no http(s) address.
    """
    base = app.hosts.get(name) or defaults.get(name, "")
    parts = urlsplit(base)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise PlatformRefusal("hosts_missing", f"no usable address for “{name}” of app {app.app_id}", blame="app")
    return base.rstrip("/")


def scopes_to_ask(app: App, scopes: Sequence[str], most: int) -> tuple[str, ...]:
    """The scopes as they go into the request: in order, once each, none that may never be asked for, never more than the limit.

    Raises `PlatformRefusal` (blame `app`): `scope_forbidden` or `too_many_scopes`.
    """
    wanted = tuple(dict.fromkeys(scopes))
    forbidden = [name for name in wanted if name in app.never_ask]
    if forbidden:
        raise PlatformRefusal("scope_forbidden", ", ".join(forbidden), blame="app")
    if len(wanted) > most:
        raise PlatformRefusal("too_many_scopes", f"{len(wanted)} > {most}", blame="app")
    return wanted


# ---------------------------------------------------------------- reading, strictly


def plain_text(value: object, most: int = 200, hide: Iterable[str] = ()) -> str:
    """A platform's own words, fit to be logged and shown: one line, shortened, without the secrets that we had sent."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    for secret in hide:
        if len(secret) >= 4:
            value = value.replace(secret, "***")
    line = _CONTROLS.sub(" ", value).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def text_or_none(value: object) -> str | None:
    """A token, code or id: a non-empty printable string of sane length, else None."""
    if isinstance(value, str) and 0 < len(value) <= TOKEN_LIMIT and value.isprintable() and " " not in value:
        return value
    return None


def int_or_none(value: object) -> int | None:
    """A count of seconds or a code: a non-negative integer, or a string of digits; else None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    return None


def scope_names(value: object, separator: str | None = None) -> frozenset[str]:
    """Scopes out of a list of strings, or of one string with a separator (None: blanks)."""
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.split(separator) if part.strip())
    if isinstance(value, list):
        return frozenset(part for part in value if isinstance(part, str) and part)
    return frozenset()


def seconds_to_wait(response: Response) -> float | None:
    """What the platform asks us to wait: `Retry-After` or Feishu's `x-ogw-ratelimit-reset`, in seconds."""
    for header in ("retry-after", "x-ogw-ratelimit-reset"):
        wait = int_or_none(response.headers.get(header, "").strip())
        if wait is not None:
            return float(min(wait, 86_400))
    return None


def refusal_or_none(response: Response) -> PlatformRefusal | None:
    """A refusal that the HTTP layer alone tells: too many requests, server down, an answer that is no JSON object. Else None.

    A body that does say something is left to the caller, even with a status of 400 and above.
    """
    request_id = plain_text(response.headers.get("x-tt-logid") or response.headers.get("x-request-id") or "", 80)
    if response.status == 429:
        return PlatformRefusal(
            "429", "too many requests", blame="rate", retryable=True, retry_after=seconds_to_wait(response), request_id=request_id
        )
    if 300 <= response.status < 400:
        return PlatformRefusal("redirected", f"HTTP {response.status}", blame="app", request_id=request_id)
    if not response.data():
        down = response.status >= 500
        code = str(response.status) if response.status >= 400 else "not_json"
        return PlatformRefusal(code, "the answer is no JSON object", blame="platform", retryable=down, request_id=request_id)
    return None


def refused_by_name(name: str, message: str = "", *, token: bool = False, status: int = 400) -> PlatformRefusal:
    """The refusal that an RFC error name stands for. `token`: it was about a refresh token, not about a code."""
    known: Mapping[str, Blame] = {
        "access_denied": "user",
        "login_required": "user",
        "consent_required": "user",
        "interaction_required": "user",
        "invalid_grant": "token" if token else "code",
        "expired_token": "code",
        "invalid_token": "token",
        "insufficient_scope": "user",
        "server_error": "platform",
        "temporarily_unavailable": "platform",
        "slow_down": "rate",
    }
    blame = known.get(name, "platform" if status >= 500 else "app")
    return PlatformRefusal(name or str(status), message, blame=blame, retryable=blame in ("platform", "rate"))


def read_code(query: Mapping[str, str], code_names: Sequence[str] = ("code",)) -> str:
    """The code of a callback. Raises `PlatformRefusal`: what `error` says, or `no_code`."""
    if error := plain_text(query.get("error", ""), 60):
        raise refused_by_name(error, plain_text(query.get("error_description", "")))
    for name in code_names:
        code = text_or_none(query.get(name))
        if code is not None and len(code) <= 2048:
            return code
    raise PlatformRefusal("no_code", "the callback holds neither a code nor an error", blame="platform")


# ---------------------------------------------------------------- the device grant


SLOWER = 5.0  # RFC 8628 §3.5: slow_down adds five seconds to this and every later wait
SLOWEST = 60.0


def read_device(response: Response, *, hide: Iterable[str] = ()) -> Device:
    """The answer of a device authorization endpoint. Raises `PlatformRefusal`."""
    if problem := refusal_or_none(response):
        raise problem
    data = response.data()
    device_code, user_code, page = (
        text_or_none(data.get("device_code")),
        plain_text(data.get("user_code"), 40),
        _web(data.get("verification_uri")),
    )
    if response.status >= 400 or not device_code or not user_code or not page:
        raise refused_by_name(
            plain_text(data.get("error"), 60) or "device_not_started",
            plain_text(data.get("error_description"), hide=hide),
            status=response.status,
        )
    return Device(
        device_code,
        user_code,
        page,
        _web(data.get("verification_uri_complete")),
        expires_in=int_or_none(data.get("expires_in")) or 240,
        interval=float(min(int_or_none(data.get("interval")) or 5, SLOWEST)),
    )


def paused(error: str, interval: float) -> Wait | None:
    """How long to wait after a poll's error; None when the error ends the polling."""
    if error == "authorization_pending":
        return Wait(interval)
    if error == "slow_down":
        return Wait(min(interval + SLOWER, SLOWEST))
    return None


def after_timeout(interval: float) -> Wait:
    """RFC 8628 §3.5: back off exponentially when a poll times out."""
    return Wait(min(interval * 2, SLOWEST))


def _web(value: object) -> str:
    text = text_or_none(value) or ""
    return text if urlsplit(text).scheme in ("https", "http") else ""


# ---------------------------------------------------------------- driving


async def converse(http: Http, talk: Talk[T]) -> T:
    """Drive a conversation to its end: send each request it yields, hand each answer back. Raises what it raises."""
    try:
        request = next(talk)
        while True:
            try:
                response = await http.send(request)
            except PlatformRefusal as refusal:
                request = talk.throw(refusal)
            else:
                request = talk.send(response)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        talk.close()


# ---------------------------------------------------------------- a provider that follows the RFCs to the letter


@dataclass(frozen=True, slots=True)
class Generic:
    """A provider without vendor habits, for third parties' platforms: give the endpoints, get an `OAuth`.

    `hosts["issuer"]` of the app is put in front of endpoints that start with `/`.
    """

    name: str
    authorize: str
    token: str
    userinfo: str = ""
    revocation: str = ""
    device: str = ""
    prompt: str = ""
    subject: str = "sub"
    MAX_SCOPES: int = 50
    PKCE: bool = True
    ADDS_UP: bool = False

    def _at(self, app: App, endpoint: str) -> str:
        return host(app, {}, "issuer") + endpoint if endpoint.startswith("/") else endpoint

    def _post(self, app: App, endpoint: str, form: Mapping[str, str]) -> Request:
        headers = {"authorization": basic(app.app_id, app.secret), "accept": "application/json"}
        return Request("POST", self._at(app, endpoint), headers=headers, form={k: v for k, v in form.items() if v})

    def authorize_url(self, app: App, *, scopes: Sequence[str], state: str, challenge: str, redirect_uri: str) -> str:
        """The authorization request (RFC 6749 §4.1.1 with RFC 7636 §4.3)."""
        parameters = {
            "client_id": app.app_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes_to_ask(app, scopes, self.MAX_SCOPES)),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256" if challenge else "",
            "prompt": self.prompt,
        }
        return address(self._at(app, self.authorize), parameters)

    def read_callback(self, query: Mapping[str, str]) -> str:
        """The code, or the `PlatformRefusal` that the error stands for."""
        return read_code(query)

    def exchange(self, app: App, *, code: str, verifier: str, redirect_uri: str) -> Talk[Token]:
        """Code for token (RFC 6749 §4.1.3)."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        response = yield self._post(app, self.token, form)
        return _read_token(response, hide=(code, verifier, app.secret))

    def refresh(self, app: App, token: Token) -> Talk[Token]:
        """The next pair (RFC 6749 §6). A server that does not rotate sends no new refresh token: the old one then stays."""
        response = yield self._post(app, self.token, {"grant_type": "refresh_token", "refresh_token": token.refresh_token or ""})
        fresh = _read_token(response, hide=(token.refresh_token or "", app.secret), token=True)
        return replace(fresh, refresh_token=fresh.refresh_token or token.refresh_token, scopes=fresh.scopes or token.scopes)

    def whoami(self, app: App, token: Token) -> Talk[Account]:
        """Whose token it is, from the userinfo endpoint."""
        headers = {"authorization": f"Bearer {token.access_token}", "accept": "application/json"}
        response = yield Request("GET", self._at(app, self.userinfo), headers=headers)
        if problem := refusal_or_none(response):
            raise problem
        data = response.data()
        subject = text_or_none(data.get(self.subject))
        if response.status >= 400 or not subject:
            raise refused_by_name(
                plain_text(data.get("error"), 60) or "invalid_token", plain_text(data.get("error_description")), token=True
            )
        return Account(self.name, {self.subject: subject}, name=plain_text(data.get("name"), 80))

    def revoke(self, app: App, token: Token) -> Talk[bool]:
        """Withdraw the grant (RFC 7009): the refresh token where there is one, because it carries the whole grant."""
        if not self.revocation:
            return False
        hint = "refresh_token" if token.refresh_token else "access_token"
        response = yield self._post(app, self.revocation, {"token": token.refresh_token or token.access_token, "token_type_hint": hint})
        return response.status == 200

    def device_start(self, app: App, *, scopes: Sequence[str]) -> Talk[Device]:
        """Ask for a device code (RFC 8628 §3.1)."""
        form = {"client_id": app.app_id, "scope": " ".join(scopes_to_ask(app, scopes, self.MAX_SCOPES))}
        response = yield self._post(app, self.device, form)
        return read_device(response, hide=(app.secret,))

    def device_poll(self, app: App, device: Device, interval: float) -> Talk[Token | Wait]:
        """One poll (RFC 8628 §3.4). `interval` is what the last wait was; the answer's `Wait` says the next."""
        form = {"grant_type": DEVICE_GRANT, "device_code": device.device_code, "client_id": app.app_id}
        try:
            response = yield self._post(app, self.token, form)
        except PlatformRefusal:
            return after_timeout(interval)
        if wait := paused(plain_text(response.data().get("error"), 60), interval):
            return wait
        return _read_token(response, hide=(device.device_code, app.secret))


def _read_token(response: Response, *, hide: Iterable[str], token: bool = False) -> Token:
    if problem := refusal_or_none(response):
        raise problem
    data: Mapping[str, Any] = response.data()
    access = text_or_none(data.get("access_token"))
    if response.status >= 400 or access is None:
        name = plain_text(data.get("error"), 60) or ("no_token" if response.status < 400 else str(response.status))
        raise refused_by_name(name, plain_text(data.get("error_description"), hide=hide), token=token, status=response.status)
    return Token(
        access,
        scopes=scope_names(data.get("scope")),
        expires_in=int_or_none(data.get("expires_in")),
        refresh_token=text_or_none(data.get("refresh_token")),
    )
