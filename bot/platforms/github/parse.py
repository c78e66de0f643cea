"""GitHub: the HTTP status is the code, the message names the cause; GraphQL answers a `type` such as FORBIDDEN."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import REQUEST_ID, Spec, pattern

SPEC = Spec(
    name="github",
    clues={
        "github": 4, "octokit": 4, "resource not accessible by": 5, "saml enforcement": 4, "x-oauth-scopes": 3, "documentation_url": 3, "must have push access": 4, "ghs_": 3, "ghp_": 3,
        "must have admin rights to repository": 4, "ghcr.io": 4, "gh pr ": 2, "gh auth ": 3, "personal access token": 2, "saml_failure": 4, "bad credentials": 3, "graphql": 1, "api rate limit exceeded": 3,
        "secondary rate limit": 4, "gists": 3, "dependabot": 3, "installation not allowed to": 4, "gh api": 3, "pull request create failed": 3, "github_token": 4, "actions/": 1.5, "pull request": 1.5, "fine-grained": 2, "remote rejected": 2, "repos/": 1, "repository": 1, "gh: ": 2, "gh project": 3, "ruleset": 1.5, "branch protection": 2, "protected branch": 2.5, "workflow run": 1.5, "oauth app": 1,
    },
    unsaid=("com.",),
    keys={"xgithubrequestid": REQUEST_ID},
    code_keys={"status": 1, "error": 1},
    number=lazy(r"401|403|404|422|429|451"),
    word=lazy(r"[A-Z]{6,}(?:_[A-Z]+)*|[a-z]+(?:_[a-z]+)+"),
    word_keys=frozenset({"type"}),
    known_word_keys=frozenset({"error"}),
    refuse=lazy(r"invalid_grant"),
    patterns=(
        pattern("request id", r"\brequest id:? ?(?P<request_id>[0-9A-F]{4}:[0-9A-F:]{10,60})"),
        pattern("permission_denied", r"\bdenied: (?P<code>permission_denied)\b"),
        pattern("gh0", r"\b(?P<code>GH\d{3}): "),
        pattern("graphql", r"GraphQL[^\n]{0,40}\((?P<code>[A-Z]{6,}(?:_[A-Z]+)*)\)"),
        pattern("insufficient_scopes", r"[\"'](?P<code>INSUFFICIENT_SCOPES)[\"']"),
    ),
    id_shape=lazy(r"[0-9A-F]{4}:[0-9A-F:]{10,60}"),
    id_keys=frozenset({"xgithubrequestid", "requestid"}),
    scope=lazy(r"(?<![\w./-])(?:(?:public_repo|repo_deployment|delete_repo|(?:repo|admin|read|write|delete|user|gist|workflow|notifications|project|codespace|manage_runners|manage_billing|security_events|audit_log|copilot)(?::[a-z_]{2,30})?))(?![\w./])", re.A),
    status_is_code=True,
    brands={"api.github.com": "github", "github.com": "github", "docs.github.com": "github"},
)  # fmt: skip
