"""Slack: `{"ok":false,"error":"missing_scope","needed":…,"provided":…}`; the code is a word."""

from __future__ import annotations

import re

from bot.patterns import lazy
from bot.platforms.spec import REQUEST_ID, Spec, pattern

SPEC = Spec(
    name="slack",
    clues={"slack": 4, "jslack": 4, "슬랙": 4, "xoxb": 4, "xoxp": 4, "xapp-": 4, "chat.postmessage": 3, "conversations.": 3, "users.list": 2.5, "reactions.add": 3, "slash command": 1.5, "block kit": 3, "socket mode": 2, "mrkdwn": 3, "hooks.slack": 4, "incoming webhook": 1.5, "bot token scopes": 3, "workspace": 0.5, "bolt": 1, "rtm": 1, "files.upload": 3, "oauth.access": 3, "users.info": 2.5, "message.im": 3, "sending messages to this app": 3, "team.info": 2, "search.messages": 3, "an api error occurred": 3, "the server responded with": 1.5,
           "oauth.v2.access": 4, "response_metadata": 2, "missing_scope": 2, "needed": 1, "auth.test": 1, "postmessage error": 2,
           "users.lookupbyemail": 3, "users.profile.": 2, "chat.update": 2, "chat.postephemeral": 3, "chat.schedulemessage": 3, "views.open": 2, "views.publish": 2, "files.getuploadurlexternal": 3,
           "files.completeuploadexternal": 3, "usergroups.": 2, "tooling.tokens": 3, "apps.manifest": 3, "apps.connections.open": 3, "canvases.": 2, "admin.conversations": 3},
    keys={"xslackreqid": REQUEST_ID},
    code_keys={"error": 2, "err": 2},
    siblings={("error", "ok=false"): 4.0, ("error", "needed"): 4.0},
    word=lazy(r"[a-z]{2,20}(?:_[a-z0-9]{1,20}){1,7}|ratelimited|accesslimited"),
    word_keys=frozenset({"error", "err"}),
    known_word_keys=frozenset({"reason", "code"}),
    refuse=lazy(r"invalid_grant|invalid_client|unauthorized_client|invalid_scope|redirect_uri_mismatch|invalid_request|unsupported_grant_type|server_error|temporarily_unavailable|insufficient_scope|interaction_required|bad_verification_code|expired_token|slow_down|authorization_pending"),
    patterns=(
        pattern("slack_oauth_", r"\b(?P<code>slack_oauth_[a-z_]{4,40})\b"),
        pattern("an api error occurred", r"\bAn API error occurred: (?P<code>[a-z]{2,20}(?:_[a-z0-9]{1,20}){0,7})\b"),
        pattern("slack", r"\bSlack(?:_?Api| API)? ?error[:,]? [\"'`]?(?P<code>[a-z]{2,20}(?:_[a-z0-9]{1,20}){1,7})\b"),
        pattern("slack", r"\b(?:SlackApiError|SlackAPIError|SlackError|SlackClientError|slacker\.Error|SlackResponseError|WebApiError)[:(] ?[\"'`]?(?P<code>[a-z]{2,20}(?:_[a-z0-9]{1,20}){1,7})[\"'`)]?\s*$"),
        pattern("slack", r"\bSlack returned an error(?: response)?: (?P<code>[a-z]{2,20}(?:_[a-z0-9]{1,20}){1,7})\b"),
    ),
    id_shape=lazy(r"[0-9a-f]{32}"),
    id_keys=frozenset({"xslackreqid"}),
    app_shape=lazy(r"A0[0-9A-Z]{7,11}"),
    scope=lazy(r"(?<![\w/-])[a-z][a-z_.]{1,30}(?::[a-z][a-z_.]{0,29}[a-z_]){1,2}(?![\w/])|(?<![\w:/.-])(?:commands|identify|bot|incoming-webhook|admin)(?![\w:.])", re.A),
    brands={"slack.com": "slack", "www.slack.com": "slack", "api.slack.com": "slack"},
)  # fmt: skip
