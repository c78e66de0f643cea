"""What went wrong, read out of one finding: catalogue entry, message, platform facts, in this order of weight.

    wording that a variant knows > what the platform's own fields say > the entry > the family of an unknown code > plain wording

A code that nobody listed is said to be unknown; what its range or its wording suggests is offered as a suggestion only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from bot.catalog import Catalog
from bot.diagnose.wording import told
from bot.i18n import say
from bot.model import Cause, Entry, Finding, Identity, Rival, Text, Variant, Who

SCOPE_CAUSES = frozenset({Cause.APP_SCOPE_MISSING, Cause.USER_SCOPE_MISSING})

# Lark's `permission_violations[].type`: whose scope is missing.
_VIOLATIONS = {"action_scope_required": Cause.APP_SCOPE_MISSING, "action_privilege_required": Cause.USER_SCOPE_MISSING}

# A named missing scope says more than these.
_WEAKER_THAN_A_SCOPE = frozenset({Cause.OTHER, Cause.RESOURCE_PERMISSION, Cause.TOKEN_INVALID})

# Names that a standard gives every platform (RFC 6749 errors, gRPC states): beside the platform's own code they say little.
_GENERIC = frozenset(
    [
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "insufficient_scope",
        "ABORTED",
        "ALREADY_EXISTS",
        "CANCELLED",
        "DEADLINE_EXCEEDED",
        "FAILED_PRECONDITION",
        "INTERNAL",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNAVAILABLE",
        "UNIMPLEMENTED",
        "UNKNOWN",
    ]
)

# Who usually fixes a cause, for readings that no entry speaks for.
WHO = {
    Cause.APP_SCOPE_MISSING: Who.DEVELOPER,
    Cause.USER_SCOPE_MISSING: Who.USER,
    Cause.RESOURCE_PERMISSION: Who.RESOURCE_OWNER,
    Cause.TOKEN_INVALID: Who.DEVELOPER,
    Cause.TOKEN_EXPIRED: Who.DEVELOPER,
    Cause.TOKEN_MISSING: Who.DEVELOPER,
    Cause.TOKEN_WRONG_TYPE: Who.DEVELOPER,
    Cause.APP_CREDENTIALS: Who.DEVELOPER,
    Cause.APP_NOT_AVAILABLE: Who.ORG_ADMIN,
    Cause.BOT_NOT_IN_CHAT: Who.RESOURCE_OWNER,
    Cause.CONTACT_RANGE: Who.ORG_ADMIN,
    Cause.IP_NOT_ALLOWED: Who.DEVELOPER,
    Cause.RATE_LIMITED: Who.DEVELOPER,
    Cause.TENANT_POLICY: Who.ORG_ADMIN,
    Cause.RESOURCE_NOT_FOUND: Who.DEVELOPER,
    Cause.BAD_REQUEST: Who.DEVELOPER,
    Cause.USER_DENIED: Who.USER,
    Cause.REDIRECT_URI: Who.DEVELOPER,
    Cause.AUTH_CODE_INVALID: Who.DEVELOPER,
    Cause.REFRESH_TOKEN_INVALID: Who.USER,
    Cause.SERVER_ERROR: Who.NOBODY_RETRY,
    Cause.OTHER: Who.DEVELOPER,
}

# Whose call it must have been, by the nature of the cause: only users authorize, and only the app has credentials.
_BY_NATURE = {
    **dict.fromkeys(
        (Cause.REDIRECT_URI, Cause.AUTH_CODE_INVALID, Cause.REFRESH_TOKEN_INVALID, Cause.USER_DENIED, Cause.USER_SCOPE_MISSING),
        Identity.USER,
    ),
    Cause.APP_CREDENTIALS: Identity.APP,
}
# What a bare HTTP status suggests.
_STATUS = {
    400: Cause.BAD_REQUEST,
    401: Cause.TOKEN_INVALID,
    403: Cause.RESOURCE_PERMISSION,
    404: Cause.RESOURCE_NOT_FOUND,
    429: Cause.RATE_LIMITED,
}
_BULKY = frozenset({"body", "params"})  # what was sent proves nothing about what went wrong
_WORDED = 0.45  # likelihood of a cause by its wording that beats a family of numbers
_WORDED_MOST = 0.75  # what wording alone may be trusted with
_HARDLY = 0.4  # below this the HTTP status says more than the wording
_LOOKED_AT_IDS = 100  # so that many ids cost no more than a few
_LOOKED_AT = 20_000  # characters of a message that decide; a real one is far shorter


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a finding. `code` is the code it rests on ("" when none); `known` False for a code nobody listed."""

    cause: Cause
    who_fixes: Who
    identity: Identity
    confidence: float
    code: str = ""
    known: bool = False
    entry: Entry | None = None
    what: Text | None = None
    steps: tuple[Text, ...] = ()
    rivals: tuple[Rival, ...] = ()
    docs: str = ""
    bare: bool = False


def read(finding: Finding, book: Catalog) -> Reading:
    """The likeliest reading of `finding`. The finding's own identity always stands; otherwise the entry's."""
    readings = list(_by_entry(finding, book))
    reading = next((one for one in readings if one.cause is not Cause.OTHER), readings[0] if readings else None)
    if reading is None:
        reading = _bare(finding) or _by_family(finding, book) or _by_wording(finding)
    reading = _by_fields(finding, reading, book)
    known = (one for one in (finding.identity, reading.identity, _BY_NATURE.get(reading.cause)) if one and one is not Identity.UNKNOWN)
    identity = next(known, Identity.UNKNOWN)
    return replace(reading, identity=identity, rivals=tuple(rival for rival in reading.rivals if rival.cause is not reading.cause))


# ---------------------------------------------------------------- from the catalogue


def speaking(finding: Finding, book: Catalog) -> tuple[tuple[Entry, Variant | None], ...]:
    """The entries that may speak for a finding, each with the variant that its message proves; those that know a cause come first."""
    keys = dict.fromkeys([*sorted(finding.codes, key=lambda code: code in _GENERIC), finding.hints.get("entry", "")])
    found = [(entry, _variant(entry, finding)) for key in keys if key and (entry := book.entry(finding.platform, key))]
    return tuple(sorted(found, key=lambda pair: (pair[1] or pair[0]).cause is Cause.OTHER))


def _by_entry(finding: Finding, book: Catalog) -> Iterator[Reading]:
    for code in sorted(finding.codes, key=lambda code: code in _GENERIC):
        if entry := book.entry(finding.platform, code):
            yield _read_entry(entry, finding, 0.95)
    worded = finding.hints.get("entry", "")
    if worded and worded not in finding.codes and (entry := book.entry(finding.platform, worded)):
        yield _read_entry(entry, finding, 0.8)


def _read_entry(entry: Entry, finding: Finding, confidence: float) -> Reading:
    plain = Reading(
        entry.cause,
        entry.who_fixes,
        entry.identity,
        confidence - (0.25 if entry.rivals and entry.variants else 0.1 if entry.rivals else 0.0),
        code=entry.code if entry.code_shown else "",
        known=True,
        entry=entry,
        what=entry.what,
        steps=entry.steps,
        rivals=entry.rivals,
        docs=entry.docs,
    )
    variant = _variant(entry, finding)
    return _apply(plain, variant) if variant else plain


def _variant(entry: Entry, finding: Finding) -> Variant | None:
    context = _context(finding, entry.code)
    return next((one for one in entry.variants if _pattern(one.pattern).search(context)), None)


def _apply(plain: Reading, variant: Variant) -> Reading:
    entry = plain.entry
    others = tuple(rival for rival in plain.rivals if rival.cause is not variant.cause)
    if entry and entry.cause is not variant.cause and all(rival.cause is not entry.cause for rival in others):
        others += (Rival(entry.cause, entry.who_fixes, entry.what),)
    return replace(
        plain,
        cause=variant.cause,
        who_fixes=variant.who_fixes,
        identity=variant.identity if variant.identity is not Identity.UNKNOWN else plain.identity,
        confidence=min(plain.confidence + 0.1, 0.9),
        what=variant.what or plain.what,
        steps=variant.steps or plain.steps,
        rivals=others,
    )


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _context(finding: Finding, own: str) -> str:
    """What a variant's pattern is looked for in: the message first, then the other codes and the small facts beside it."""
    facts = "\n".join(f"{name}={value}" for name, value in sorted(finding.hints.items()) if name not in _BULKY)
    status = f"\nstatus={finding.http_status}" if finding.http_status else ""
    return f"{finding.message[:_LOOKED_AT]}\ncodes={','.join(code for code in finding.codes if code != own)}\n{facts}{status}"


def _by_fields(finding: Finding, reading: Reading, book: Catalog) -> Reading:
    """What the platform's own fields say: Lark's violation type, and a scope that the error itself names as missing."""
    cause = _VIOLATIONS.get(finding.hints.get("violation", ""))
    if cause is None and finding.scopes and not reading.bare and (reading.cause in _WEAKER_THAN_A_SCOPE or not reading.known):
        cause = _whose(finding, book)
    if cause is not None and cause is reading.cause:
        return replace(reading, confidence=max(reading.confidence, 0.95))
    if cause is None:
        return reading
    identity = {Cause.USER_SCOPE_MISSING: Identity.USER, Cause.APP_SCOPE_MISSING: Identity.APP}[cause]
    if reading.identity is not Identity.UNKNOWN and cause is Cause.APP_SCOPE_MISSING:
        identity = reading.identity
    return replace(
        reading, cause=cause, who_fixes=WHO[cause], identity=identity, confidence=max(reading.confidence, 0.7), what=None, steps=()
    )


def _whose(finding: Finding, book: Catalog) -> Cause:
    """A scope is missing, but whose? The call's identity decides, else the kind of token that the scope exists for."""
    identity = finding.identity
    if identity is Identity.UNKNOWN:
        kinds = [scope.identities for name in finding.scopes if (scope := book.scope(finding.platform, name))]
        identity = Identity.USER if kinds and all(kind == {Identity.USER} for kind in kinds) else Identity.APP
    return Cause.USER_SCOPE_MISSING if identity is Identity.USER else Cause.APP_SCOPE_MISSING


# ---------------------------------------------------------------- without an entry


def _bare(finding: Finding) -> Reading | None:
    """A request id and nothing else: it tells when and where, never why."""
    if finding.codes or finding.scopes or finding.http_status or not finding.request_ids:
        return None
    rest = finding.message
    for value in finding.request_ids[:_LOOKED_AT_IDS]:
        rest = rest.replace(value, "")
    if len(re.findall(r"\w", rest)) > 24:
        return None
    return Reading(Cause.OTHER, Who.DEVELOPER, Identity.UNKNOWN, 0.1, bare=True)


def _by_family(finding: Finding, book: Catalog) -> Reading | None:
    """An unknown code (or a mere HTTP status) by its shape. A name says what it means; a number only where it comes from."""
    shapes = [*finding.codes, *((str(finding.http_status),) if finding.http_status and not finding.codes else ())]
    for shape in shapes:
        family = next((one for one in book.families(finding.platform) if re.fullmatch(one.codes, shape)), None)
        if family is None:
            continue
        code = shape if finding.codes else ""
        worded = _by_wording(finding) if shape[-1:].isdigit() else None
        if worded and worded.confidence >= _WORDED and worded.cause is not Cause.RESOURCE_PERMISSION:
            return replace(worded, code=code, what=family.what, docs=family.docs)
        return Reading(family.cause, family.who_fixes, Identity.UNKNOWN, 0.5, code, what=family.what, docs=family.docs)
    return None


def _by_wording(finding: Finding) -> Reading:
    """What the words say, by the model of messages; where it hardly says anything, what the HTTP status suggests."""
    code = finding.codes[0] if finding.codes else ""
    cause, likely = told(finding)
    if likely < _HARDLY:
        status = finding.http_status or 0
        cause = _STATUS.get(status, Cause.SERVER_ERROR if status >= 500 else cause)
    return Reading(cause, WHO[cause], Identity.UNKNOWN, max(0.15, min(likely, _WORDED_MOST)), code)


@cache
def titles() -> dict[Cause, Text]:
    """Every cause in a few words, for cards whose entry has no better title."""
    return {
        Cause.APP_SCOPE_MISSING: say("The app lacks a permission"),
        Cause.USER_SCOPE_MISSING: say("Missing user consent"),
        Cause.RESOURCE_PERMISSION: say("No access to this resource"),
        Cause.TOKEN_INVALID: say("The token is not valid"),
        Cause.TOKEN_EXPIRED: say("The token has expired"),
        Cause.TOKEN_MISSING: say("No token was sent"),
        Cause.TOKEN_WRONG_TYPE: say("Wrong kind of token"),
        Cause.APP_CREDENTIALS: say("App id or secret is wrong"),
        Cause.APP_NOT_AVAILABLE: say("The app is not available here"),
        Cause.BOT_NOT_IN_CHAT: say("The bot is not in this chat"),
        Cause.CONTACT_RANGE: say("Outside the app's contact range"),
        Cause.IP_NOT_ALLOWED: say("The calling IP address is not allowed"),
        Cause.RATE_LIMITED: say("Too many calls"),
        Cause.TENANT_POLICY: say("Blocked by the organisation's policy"),
        Cause.RESOURCE_NOT_FOUND: say("Not found"),
        Cause.BAD_REQUEST: say("The request is not right"),
        Cause.USER_DENIED: say("The user declined"),
        Cause.REDIRECT_URI: say("Redirect URL is not registered"),
        Cause.AUTH_CODE_INVALID: say("The authorization code is used up or wrong"),
        Cause.REFRESH_TOKEN_INVALID: say("The refresh token no longer works"),
        Cause.SERVER_ERROR: say("Trouble on the platform's side"),
        Cause.OTHER: say("Cause not known"),
    }
