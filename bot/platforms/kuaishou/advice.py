"""What only somebody who knows Kuaishou's shop platform would say: permission packs, test lists, and tokens that never grow.

Source: the platform's FAQ page K0003 and its page on authorizing an app.
"""

from __future__ import annotations

import re

from bot.i18n import listed, say
from bot.model import AppFacts, Cause, Finding, Identity, Step, StepState, Text
from bot.platforms.api import Advice, Case
from bot.platforms.steps import consented, enabled, link, page

# The pack an API belongs to, by the second word of its name (`open.order.detail`) or by what people call it.
PACKS = {
    "merchant_item": ("item", "商品"),
    "merchant_order": ("order", "订单"),
    "merchant_refund": ("refund", "退款|售后"),
    "merchant_user": ("user", "用户 ?API|店铺用户"),
    "merchant_distribution": ("distribution", "分销"),
    "merchant_logistics": ("logistics|express", "物流"),
    "merchant_promotion": ("promotion", "营销"),
    "merchant_cs": ("cs", "客服"),
    "merchant_comment": ("comment", "评价"),
    "merchant_servicemarket": ("servicemarket|service", "服务市场"),
}
_ALWAYS = frozenset({"user_base", "user_info"})  # every authorization carries them


def scopes(finding: Finding, granted: frozenset[str] | None, facts: AppFacts | None) -> tuple[tuple[str, ...], Text] | None:
    """The pack behind "no scope in the token": by the API, by the one subject that is named, else by what alone is not granted yet."""
    api = finding.hints.get("api", "").replace("/", ".")
    if match := re.search(r"\bopen\.(?:seller\.)?([a-z]+)\b", api or finding.message):
        for pack, (name, _) in PACKS.items():
            if re.fullmatch(name, match[1]):
                return (pack,), say("By its name the API {api} belongs to the pack {pack}.", api=api or match[0], pack=pack)
    named = [pack for pack, (_, word) in PACKS.items() if re.search(word, finding.message)]
    if len(named) == 1:
        return (named[0],), say("The text speaks of this pack's subject only.")
    if facts and facts.enabled is not None and granted is not None:
        left = sorted(name for name, kinds in facts.enabled.items() if Identity.USER in kinds and name not in granted | _ALWAYS)
        if len(left) == 1:
            return (left[0],), say("It is the only pack of the app that this user has not granted.")
    return None


def steps(case: Case) -> tuple[Step, ...]:
    """First the app, then the user, then the token."""
    if case.cause is not Cause.USER_SCOPE_MISSING:
        return ()
    names = case.choice.recommended if case.choice else ()
    on, on_evidence = enabled(case)
    given, given_evidence = consented(case)
    if names:
        first = say(
            "Check that the app owns the pack {packs}: Console → application centre → the app. Apply for it if not.", packs=listed(names)
        )
    else:
        first = say(
            "Find the pack of the API: its page names it at the bottom, under permissions. Then check that the app owns the pack: "
            "Console → application centre → the app."
        )
    return (
        Step(first, on, on_evidence, page(case)),
        Step(say("Let the seller authorize again, with the pack in the request."), given, given_evidence),
        Step(say("Use the new token; look into it with the token tool."), StepState.TODO, link=link(case, "troubleshooter")),
    )


def notes(case: Case) -> tuple[Text, ...]:
    """The rules that make people go in circles."""
    if case.cause is not Cause.USER_SCOPE_MISSING:
        return ()
    return (
        say("A token that was issued earlier never gains a new pack. Only an authorization made after the pack was added helps."),
        say(
            "App not live yet: add the account to the test list, press “start authorization” and send the first link to the user. "
            "Test grants last 10 days and have a small daily quota."
        ),
        say(
            "App live (merchant back office): add the shop to the list of authorized users, then start the authorization from there. "
            "The status must read: authorized, valid for good."
        ),
    )


ADVICE = Advice(scopes=scopes, steps=steps, notes=notes)
