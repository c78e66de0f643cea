"""Google: `{"error":{"code":403,"status":"PERMISSION_DENIED","errors":[{"reason":"insufficientPermissions"}]}}`; 403 itself is the HTTP status."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import CODE, HINT, Spec, pattern

SPEC = Spec(
    name="google",
    clues={
        "googleapis": 4, "google": 4, "谷歌": 4, "insufficient authentication scopes": 5, "gaxios": 4, "domain": 0.5, "insufficientpermissions": 4, "gmail": 3, "gserviceaccount": 4,
        "oauth2client": 2, "access_token_scope_insufficient": 5, "permission_denied": 1, "usageLimits".lower(): 3, "ya29.": 4, "access blocked:": 3,
        "you can't sign in because": 3, "urlfetchapp": 4, "apps script": 3, "script.external": 3, "service account": 2.5, "shared drive": 2.5, "domain wide delegation": 3, "domain-wide delegation": 3, "sheets api": 3, "drive api": 3, "admin console": 1, "cloud project": 2, "quota group": 4, "gcp": 2.5, "gcloud": 4, "firebase": 3, "youtube": 3, "bigquery": 3, "vertex": 2, "credentials.json": 2, "token.json": 2, "oauth consent screen": 2.5, "consent screen": 1.5, "calendar api": 2.5, "spreadsheet": 1, "sheet": 0.5, "maps": 1, "gapi": 3, "idpiframe": 4, "adwords": 3, "analytics": 1.5, "refresh_access_token": 1,
    },
    keys={"reason": CODE, "domain": HINT},
    code_keys={"reason": 2, "status": 2, "error": 1},
    siblings={("reason", "domain"): 3.0},
    word=lazy(r"[a-z]+[A-Z][a-zA-Z]+|[A-Z]{3,}(?:_[A-Z]+)+|UNAUTHENTICATED|forbidden|[a-z]+_[a-z_]+"),
    word_keys=frozenset({"reason", "status"}),
    known_word_keys=frozenset({"error"}),
    weak=lazy(r"forbidden"),
    refuse=lazy(r"insufficient_scope|INVALID_ARGUMENT_NONE|[a-z]*Error"),
    patterns=(
        pattern("googleapi: error", r"\bgoogleapi: Error \d{3}: [^\n]{0,400}, (?P<code>(?-i:[a-z]+[A-Z][A-Za-z]+|forbidden))\b"),
        pattern("www-authenticate", r"insufficient_scope[^\n]{0,20}scope=[\\\"']{1,3}(?P<scope>https://[^\"']{8,3000})"),
    ),
    scope=lazy(r"https://www\.(?:googleapis\.com/auth|google\.com/(?:m8|calendar))/[\w./-]{2,80}", re.A),
    brands={"www.googleapis.com": "google", "accounts.google.com": "google", "console.developers.google.com": "google", "console.cloud.google.com": "google", "oauth2.googleapis.com": "google"},
)  # fmt: skip
