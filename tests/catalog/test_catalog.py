"""The gate of the catalogue: nothing incomplete, unsorted, lost or mistaken for something else gets in."""

from __future__ import annotations

import csv
import re
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from bot import platforms
from bot.catalog import Catalog, PackError, PackText, catalog, explain_code
from bot.catalog.trusted import plain_entry
from bot.diagnose.classify import read
from bot.explain import explain
from bot.model import Cause, Entry, Identity, Level, Who
from tests.catalog import codes

HERE = Path(__file__).parents[1]
PLATFORMS = HERE.parent / "bot" / "platforms"
CHINESE = re.compile(r"[\u3400-\u9fff]")

PACK = '''["7"]
title.en = "Seven"
title.zh = "七"
what.en = "It is seven."
what.zh = "是七。"
cause = "bad_request"
who = "developer"
steps.en = ["Take eight."]
steps.zh = ["换成八。"]
docs = "https://docs.example/7"
sample = """{"code":7}"""
phrases = ["seven is", "too [much]"]

["own name"]
title.en = "Own"
title.zh = "自有"
what.en = "Known by its words."
what.zh = "靠文字认出。"
cause = "other"
who = "developer"
steps.en = ["Read."]
steps.zh = ["看。"]
docs = "https://docs.example/own"
sample = "own"
shown = false
'''


def sort_key(code: str) -> tuple[int, int, str]:
    """Numbers numerically, then texts."""
    return (0, int(code), "") if re.fullmatch(r"-?\d+", code) else (1, 0, code)


def entries() -> list[Entry]:
    """Every shipped entry."""
    book = catalog()
    return [entry for name in book.platforms() for code in book.codes(name) if (entry := book.entry(name, code))]


# ---------------------------------------------------------------- the shipped packs


def test_nothing_is_ever_lost() -> None:
    """Every code that was ever listed is in a pack (retired, where a platform gave it up), and every code of a pack is listed, once."""
    book, remembered = catalog(), codes.listed()
    assert [pair for pair in remembered if pair[1] not in book.codes(pair[0])] == []
    assert [pair for pair in codes.known() if pair not in set(remembered)] == [], "run python -m tests.catalog.codes"
    assert len(set(remembered)) == len(remembered) >= 2_503


@pytest.mark.parametrize("platform", sorted(path.parent.name for path in PLATFORMS.glob("*/pack.toml")))
def test_the_index_is_what_a_full_parse_finds(platform: str) -> None:
    """The quick look at headers sees the same entries, in the same order, as a TOML parser; sorted and unique."""
    text = (PLATFORMS / platform / "pack.toml").read_text(encoding="utf-8")
    parsed = tomllib.loads(text)
    codes = catalog().codes(platform)
    assert list(codes) == list(parsed)
    assert list(codes) == sorted(codes, key=sort_key)
    phrases = {phrase for row in parsed.values() for phrase in row.get("phrases", ())}
    assert {phrase for phrase, (owner, _) in catalog().phrases().items() if owner == platform} == phrases


@pytest.mark.parametrize("platform", sorted(path.parent.name for path in PLATFORMS.glob("*/pack.toml")))
def test_every_entry_passes_the_careful_reading(platform: str) -> None:
    """pydantic accepts every shipped entry and family, and reads exactly what the plain reading finds at run time."""
    quick = catalog()
    careful = Catalog.from_dirs([PLATFORMS / platform])
    for code in quick.codes(platform):
        assert quick.entry(platform, code) == careful.entry(platform, code), code
    assert quick.families(platform) == careful.families(platform)


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"title": {"en": "Only English"}},
        {"colour": "red"},
        {"title": "no table"},
        {"steps": {"en": ["one"], "zh": []}},
        {"cause": "moon"},
    ],
    ids=["empty", "one-language", "unknown-field", "wrong-type", "uneven-steps", "unknown-cause"],
)
def test_the_plain_reading_leaves_the_unusual_alone(raw: dict[str, Any]) -> None:
    """Whatever is missing, unknown or of another type is left to the careful reading, which says what is wrong."""
    good = tomllib.loads(PACK)["7"]
    assert plain_entry("p", "7", good) == book_of(PACK).entry("p", "7")
    assert plain_entry("p", "7", {**good, **raw} if raw else {}) is None


def test_every_entry_speaks_both_languages() -> None:
    """Titles are short and free of codes, every text stands in both languages, and as many steps in one as in the other."""
    found = []
    for entry in entries():
        texts = [entry.title, entry.what, *entry.steps, *(rival.tells for rival in entry.rivals)]
        texts += [text for variant in entry.variants for text in ([variant.what] if variant.what else []) + list(variant.steps)]
        if not all(CHINESE.search(text.zh) and not CHINESE.search(text.en) for text in texts) or len(entry.title.en) > 60:
            found.append((entry.platform, entry.code))
        if not entry.docs.startswith("https://"):
            found.append((entry.platform, entry.code, entry.docs))
    assert found == []


def test_every_sample_proves_its_own_entry() -> None:
    """A sample is read as one error of its own platform, shows its own code, and leads to its own entry and cause and to no other."""
    wrong = []
    for entry in entries():
        if entry.retired:
            continue
        found = explain(entry.sample).diagnoses
        one = found[0] if len(found) == 1 else None
        if one is None or one.finding.platform != entry.platform or (entry.code_shown and entry.code not in one.finding.codes):
            wrong.append((entry.platform, entry.code, [(d.finding.platform, d.finding.codes) for d in found]))
        elif one.entry != entry or one.cause is not entry.cause:
            wrong.append((entry.platform, entry.code, one.entry and one.entry.code, one.cause))
    assert wrong == []


@pytest.mark.parametrize("platform", sorted(path.parent.name for path in PLATFORMS.glob("*/variants.toml")))
def test_variants_belong_to_entries(platform: str) -> None:
    """What a code may mean besides is attached to a code that exists, and offers another cause, another text or another way."""
    data = tomllib.loads((PLATFORMS / platform / "variants.toml").read_text(encoding="utf-8"))
    book = catalog()
    assert [code for code in data if book.entry(platform, code) is None] == []
    for code in data:
        entry = book.entry(platform, code)
        assert entry is not None
        for variant in entry.variants:
            differs = variant.cause is not entry.cause or variant.what or variant.steps or variant.who_fixes is not entry.who_fixes
            assert differs, (code, variant.pattern)


@pytest.mark.parametrize(
    ("platform", "codes"),
    [
        ("lark", "10003 10014 131006 230027 1063001 1063003 99991663 99991668 2700002 1470403 40008"),
        ("dingtalk", "88 60121 unauthorized permissionDenied invalid.param resource.not.found"),
        ("kuaishou", "21 24 26 100200102 100200106 300002 K0004"),
        ("slack", "channel_not_found invalid_auth missing_scope"),
        ("microsoft", "AADSTS50053 invalid_grant"),
        ("google", "invalid_grant"),
    ],
)
def test_ambiguous_codes_name_their_rivals(platform: str, codes: str) -> None:
    """A code with several causes shows the others, each with what would tell it apart."""
    for code in codes.split():
        entry = catalog().entry(platform, code)
        assert entry is not None and entry.rivals, code


def test_families_are_readable() -> None:
    """What shapes of unknown codes suggest parses for every platform, and never shadows a later, more special family."""
    for platform in catalog().platforms():
        for family in catalog().families(platform):
            assert CHINESE.search(family.what.zh), (platform, family.codes)
            assert re.compile(family.codes)


@pytest.mark.parametrize(("platform", "least"), [("lark", 990), ("dingtalk", 253), ("slack", 109), ("kuaishou", 15)])
def test_scopes_are_complete(platform: str, least: int) -> None:
    """The scope lists are whole, and every scope has identities, a level, a title in both languages and a source."""
    scopes = catalog().scopes(platform)
    with (PLATFORMS / platform / "scopes.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["scope"] for row in csv.DictReader(stream) if not (row["title_en"] and row["title_zh"] and row["source"])] == []
    assert len(scopes) >= least
    for scope in scopes.values():
        assert scope.identities <= {Identity.USER, Identity.APP} and scope.identities
        assert isinstance(scope.level, Level) and scope.title.en and scope.title.zh


# ---------------------------------------------------------------- reading packs


def book_of(pack: str, **files: str) -> Catalog:
    """A catalogue with one platform `p`."""
    return Catalog.from_texts({"p": PackText(pack=pack, where="packs/p", **files)})


def test_an_entry_is_read_only_when_asked_for() -> None:
    """A broken entry does not keep others from being read; asking for it names file, entry and field."""
    book = book_of(PACK + '\n["8"]\ntitle.en = "Eight"\n')
    entry = book.entry("p", "7")
    assert entry is not None and (entry.cause, entry.who_fixes) == (Cause.BAD_REQUEST, Who.DEVELOPER)
    assert book.codes("p") == ("7", "own name", "8") and book.platforms_of("8") == ("p",)
    with pytest.raises(PackError, match=r"packs/p/pack.toml: \[8\] title.zh: Field required"):
        book.entry("p", "8")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('who = "developer"\nsteps.en = ["Take', 'who = "me"\nsteps.en = ["Take', r"\[7\] who"),
        ('steps.zh = ["换成八。"]', "steps.zh = []", r"\[7\] steps"),
        ('steps.zh = ["换成八。"]', 'steps.zh = ["换", "八"]', r"1 steps in English, 2 in Chinese"),
        ('docs = "https://docs.example/7"', 'docs = "http://docs.example/7"', r"\[7\] docs"),
        ('cause = "bad_request"', 'cause = "bad_request"\ncolour = "red"', r"\[7\] colour: Extra inputs"),
        ('cause = "bad_request"', "cause = bad_request", r"\[7\]: Invalid value"),
        ('cause = "bad_request"', 'cause = "bad_request"\nretired = ""', r"\[7\] retired"),
    ],
)
def test_a_malformed_entry_is_named(old: str, new: str, says: str) -> None:
    """Every kind of mistake in an entry gives one line that says where it is."""
    assert old in PACK
    with pytest.raises(PackError, match=says):
        book_of(PACK.replace(old, new, 1)).entry("p", "7")


def test_a_code_stands_once() -> None:
    """Two entries for one code are refused at once."""
    with pytest.raises(PackError, match=r"\[7\] stands twice"):
        book_of(PACK + PACK)


def test_phrases_are_found_without_reading_entries() -> None:
    """Wordings lead to their entry; the same wording for two entries is refused."""
    assert book_of(PACK).phrases() == {"seven is": ("p", "7"), "too [much]": ("p", "7")}
    with pytest.raises(PackError, match="already belongs to"):
        _ = book_of(PACK + 'phrases = ["seven is"]\n').phrases()
    with pytest.raises(PackError, match="lower-case"):
        _ = book_of(PACK + 'phrases = ["Seven Is"]\n').phrases()


def test_messages_lead_to_their_codes() -> None:
    """What a platform says with a code is known from the samples, but not what says nothing or differs each time."""
    said = catalog().messages("lark")
    assert said["bot has no availability to this user"] == "230013"
    assert said["fieldnamenotfound"] == "1254045"
    assert not {"success", "forbidden"} & said.keys()
    assert all(code in catalog().codes("lark") for code in said.values())
    assert catalog().messages("nobody") == {}


def test_variants_beside_the_pack_come_first() -> None:
    """A variants file joins the entry of the same code, and its readings are tried before the pack's own."""
    own = PACK.replace('["own name"]', '[["7".variants]]\npattern = "a"\ncause = "other"\nwho = "user"\n\n["own name"]')
    more = '[["7".variants]]\npattern = "b"\ncause = "rate_limited"\nwho = "developer"\n'
    more += '[["7".rivals]]\ncause = "other"\nwho = "user"\ntells.en = "x"\ntells.zh = "某"\n'
    entry = book_of(own, variants=more).entry("p", "7")
    assert entry is not None
    assert [variant.pattern for variant in entry.variants] == ["b", "a"] and entry.rivals[0].tells.zh == "某"
    with pytest.raises(PackError, match=r"\[7\] variants.0.pattern: .*not a regular expression"):
        book_of(PACK, variants=more.replace('"b"', '"("')).entry("p", "7")


def test_a_bad_scope_line_is_named() -> None:
    """A scope list with an unknown level, a missing column or a double name says which line."""
    head = "scope,identity,level,title_en,title_zh,source\n"
    assert book_of("", scopes=head + "a:b,user,read,Title,,x\n").scope("p", "a:b") is not None
    with pytest.raises(PackError, match="line 2: unknown or missing 'wide'"):
        book_of("", scopes=head + "a:b,user,wide,,,x\n").scopes("p")
    with pytest.raises(PackError, match="line 3: 'a:b' stands twice"):
        book_of("", scopes=head + "a:b,user,read,,,x\na:b,user,read,,,x\n").scopes("p")


def test_a_third_party_can_bring_a_platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package named by an entry point is indexed like ours, and is called by its own title."""
    package = tmp_path / "acme_codes"
    package.mkdir()
    (package / "__init__.py").write_text(
        'from bot.model import Text\nfrom bot.platforms.api import Platform\nPLATFORM = Platform({"": Text("Acme", "顶点")})\n',
        encoding="utf-8",
    )
    (package / "pack.toml").write_text(PACK, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("acme", "acme_codes", "whyforbidden.platforms")
    monkeypatch.setattr(platforms, "entry_points", lambda **_group: [point])
    platforms.reload()
    catalog.cache_clear()
    try:
        entry = catalog().entry("acme", "7")
        assert entry is not None and entry.platform == "acme"
        assert platforms.title("acme").zh == "顶点"
    finally:
        monkeypatch.undo()
        platforms.reload()
        catalog.cache_clear()


# ---------------------------------------------------------------- `code CODE`


def test_a_code_explains_itself() -> None:
    """A known code gives its entry, a code of two platforms both, and letter case does not matter."""
    assert [entry.cause for entry in explain_code("99991679").entries] == [Cause.USER_SCOPE_MISSING]
    assert {entry.platform for entry in explain_code("60011").entries} >= {"dingtalk", "wecom"}
    assert [entry.platform for entry in explain_code("60011", "wecom").entries] == ["wecom"]
    assert explain_code("MISSING_SCOPE").entries[0].code == "missing_scope"


def test_an_unknown_code_gets_suggestions_that_exist() -> None:
    """A slip of the finger is answered with codes that look like it, never with our own names for wordings."""
    found = explain_code("9999167")
    assert (not found.entries and ("lark", "99991679") in found.similar) or found.similar
    for platform, code in found.similar:
        entry = catalog().entry(platform, code)
        assert entry is not None and entry.code_shown
    assert explain_code("zzzzqqqq").similar == () and explain_code("  ").entries == ()


def test_an_unknown_code_is_said_to_be_unknown() -> None:
    """A code that nobody listed is still read: its range is named as a suggestion, with little confidence."""
    answer = explain('{"code":230999,"msg":"something new","log_id":"20260309100500EF8EB5511C1BF04F97FF"}')
    (one,) = answer.diagnoses
    assert one.entry is None and one.confidence <= 0.5
    assert "230999" in one.verdict.en and "230xxx" in one.verdict.en and "不在" in one.verdict.zh
    assert read(one.finding, catalog()).known is False
