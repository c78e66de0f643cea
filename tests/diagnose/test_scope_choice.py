"""Which scope is asked for: the written order, as a table."""

from __future__ import annotations

import pytest

from bot.catalog import Catalog, PackText
from bot.diagnose.scope_choice import choose
from bot.model import Identity, Mode

SCOPES = """scope,identity,level,title_en,title_zh,source
doc:read,both,read,Read,读,x
doc:list,both,read,List,列,x
doc:write,both,write,Write,写,x
doc:admin,both,admin,Admin,管,x
app:read,tenant,read,App read,应用读,x
user:read,user,read,User read,用户读,x
doc:odd,both,unknown,Odd,未知,x
"""
BOOK = Catalog.from_texts({"p": PackText(scopes=SCOPES)})
USER, APP = frozenset({Identity.USER}), frozenset({Identity.APP})
BOTH = USER | APP


@pytest.mark.parametrize(
    ("why", "names", "given", "best", "reason"),
    [
        ("one is one", "doc:write", {}, "doc:write", "only usable scope"),
        ("narrowest level", "doc:admin doc:write doc:read", {}, "doc:read", "narrowest: it only reads"),
        ("narrowest, but not a mere read", "doc:admin doc:write", {}, "doc:write", "is the narrowest."),
        ("first listed of equals", "doc:read doc:list", {}, "doc:read", "open equally much"),
        ("first of the narrowest", "doc:write doc:list doc:read", {}, "doc:list", "first of the narrowest"),
        ("an undocumented level is no narrow one", "doc:odd doc:read", {}, "doc:read", "narrowest"),
        ("enabled beats narrow", "doc:read doc:admin", {"enabled": {"doc:admin": BOTH}}, "doc:admin", "already enabled"),
        (
            "enabled beats granted",
            "doc:read doc:write",
            {"enabled": {"doc:write": USER}, "granted": {"doc:read"}},
            "doc:write",
            "already enabled",
        ),
        ("enabled for the other token type counts not", "doc:read doc:write", {"enabled": {"doc:write": APP}}, "doc:read", "narrowest"),
        ("granted beats narrow", "doc:read doc:write", {"granted": {"doc:write"}}, "doc:write", "already granted"),
        (
            "granted decides between enabled ones",
            "doc:read doc:write",
            {"enabled": {"doc:write": USER, "doc:read": USER}, "granted": {"doc:write"}},
            "doc:write",
            "already granted",
        ),
        ("a scope of the wrong token type is passed over", "app:read doc:write", {}, "doc:write", "only usable scope"),
        ("forbidden scopes are passed over", "doc:read doc:write", {"never_ask": {"doc:read"}}, "doc:write", "only usable scope"),
        ("repeats count once", "doc:write doc:write", {}, "doc:write", "only usable scope"),
    ],
)
def test_any_one_stays_a_choice(why: str, names: str, given: dict[str, object], best: str, reason: str) -> None:
    """Enabled → granted → narrowest → first listed, in this order; exactly one comes out, and the reason is printed."""
    choice = choose("p", names.split(), Mode.ANY, BOOK, identity=Identity.USER, **given)  # type: ignore[arg-type]
    assert choice is not None
    assert choice.recommended == (best,), why
    assert reason in choice.reason.en and choice.reason.zh != choice.reason.en, why
    assert best not in choice.alternatives


def test_the_identity_of_the_call_decides_what_enabled_means() -> None:
    """The same app: what is enabled for app identity wins for an app token, and only there."""
    enabled = {"doc:write": APP, "doc:read": USER}
    as_app = choose("p", ["doc:read", "doc:write"], Mode.ANY, BOOK, identity=Identity.APP, enabled=enabled)
    as_user = choose("p", ["doc:write", "doc:read"], Mode.ANY, BOOK, identity=Identity.USER, enabled=enabled)
    assert as_app is not None and as_app.recommended == ("doc:write",)
    assert as_user is not None and as_user.recommended == ("doc:read",)


def test_all_means_all_and_no_more() -> None:
    """When every scope is needed, every usable one is asked for; forbidden and unknown ones are not."""
    choice = choose("p", ["doc:read", "doc:write", "doc:reed", "doc:admin"], Mode.ALL, BOOK, never_ask=frozenset({"doc:admin"}))
    assert choice is not None
    assert choice.recommended == ("doc:read", "doc:write")
    assert choice.unknown == ("doc:reed",) and "doc:reed" in choice.reason.en


def test_unknown_names_are_text_with_a_hint() -> None:
    """A name outside the catalogue is never asked for; the nearest known one is only suggested."""
    choice = choose("p", ["doc:wirte", "nonsense"], Mode.ANY, BOOK)
    assert choice is not None
    assert choice.recommended == () and choice.unknown == ("doc:wirte", "nonsense")
    assert choice.similar == {"doc:wirte": "doc:write"}
    assert "not in our list" in choice.reason.en


def test_reasons_for_asking_nothing() -> None:
    """Nothing named, everything forbidden, and a platform without a list are three different answers."""
    assert choose("p", [], Mode.ANY, BOOK) is None
    forbidden = choose("p", ["doc:read"], Mode.ANY, BOOK, never_ask=frozenset({"doc:read"}))
    assert forbidden is not None and forbidden.recommended == () and "never be asked" in forbidden.reason.en
    unlisted = choose("elsewhere", ["x:y"], Mode.ANY, BOOK)
    assert unlisted is not None and unlisted.recommended == () and "no list" in unlisted.reason.en
