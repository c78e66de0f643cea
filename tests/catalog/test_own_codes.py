"""What does not come with us: a team's own codes and third parties' platforms. Whole or not at all; what is wrong is named, the rest answers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import platforms
from bot.catalog import PackText, catalog, use_own
from bot.catalog.gate import faults
from bot.explain import explain
from bot.extract.lexicon import lexicon
from handlers import cli, team_catalog

OWN = """["7700001"]
title.en = "The gateway refused"
title.zh = "网关拒绝"
what.en = "Our gateway lets nobody in at night."
what.zh = "我们的网关夜间不放行。"
cause = "tenant_policy"
who = "org_admin"
steps.en = ["Ask the platform team."]
steps.zh = ["联系平台组。"]
docs = "https://wiki.example.com/gateway"
sample = \'\'\'{"code":7700001,"msg":"gateway closed"}\'\'\'
"""
PASTE = '{"code":7700001,"msg":"gateway closed","error":{"log_id":"20260511093045A1B2C3D4E5F60718293A"}}'
DENIED = '{"code":99991672,"msg":"Access denied"}'


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """The catalogue is one a process."""
    yield
    use_own({})
    platforms.reload()
    lexicon.cache_clear()
    catalog.cache_clear()


def own(folder: Path, **files: str) -> Path:
    """A folder of own codes."""
    place = folder / "catalog.d"
    place.mkdir()
    for name, text in files.items():
        (place / f"{name}.toml").write_text(text, encoding="utf-8")
    return place


def test_a_teams_own_code_is_explained_like_ours(tmp_path: Path) -> None:
    """An entry of `catalog.d/lark.toml` is a code of the platform; removing the folder removes it."""
    assert team_catalog.use(own(tmp_path, lark=OWN)) == []
    (found,) = explain(PASTE).diagnoses
    assert (found.title.zh, found.cause, found.finding.codes) == ("网关拒绝", "tenant_policy", ("7700001",))
    assert catalog().codes("lark")[-1] == "7700001" and catalog().platforms_of("7700001") == ("lark",)

    assert team_catalog.use(tmp_path / "nowhere") == []
    assert catalog().entry("lark", "7700001") is None


def test_a_teams_words_go_before_ours(tmp_path: Path) -> None:
    """A code that we know, too: the team's entry answers."""
    team_catalog.use(own(tmp_path, lark=OWN.replace("7700001", "99991672")))

    assert explain(DENIED).diagnoses[0].title.en == "The gateway refused"
    assert catalog().codes("lark").count("99991672") == 1


def test_every_fault_of_a_file_is_named_at_once_with_its_line_and_field(tmp_path: Path) -> None:
    """Three faults in two entries are three lines; the file is left out, another file is used, and ours answer as before."""
    bad = OWN.replace('cause = "tenant_policy"', 'cause = "the weather"').replace("docs = ", "page = ") + OWN.replace(
        "7700001", "7700002"
    ).replace('steps.zh = ["联系平台组。"]', "steps.zh = []")
    place = own(tmp_path, lark=bad, slack=OWN.replace("7700001", "gateway_closed"), acme=OWN)

    wrong = team_catalog.use(place)

    assert [line.replace(str(place), "")[:34] for line in wrong[1:]] == [
        "/lark.toml:6: [7700001] cause: Inp", "/lark.toml:1: [7700001] docs: Fiel", "/lark.toml:10: [7700001] page: Ext", "/lark.toml:20: [7700002] steps.zh:",
    ]  # fmt: skip
    assert "acme.toml: the file's name is no platform; known are dingtalk," in wrong[0]
    assert catalog().entry("lark", "7700001") is None
    assert catalog().entry("slack", "gateway_closed") is not None
    assert explain(DENIED).diagnoses[0].finding.codes == ("99991672",)


def test_what_is_no_toml_is_one_line_with_its_place() -> None:
    """The parser's own line, once; a file that is not UTF-8 says so."""
    (fault,) = faults("lark", PackText(pack='["1"]\ntitle.en = "x\n', where="catalog.d/lark.toml"))

    assert str(fault).startswith("catalog.d/lark.toml:2: ")


def test_a_file_that_is_not_utf_8_says_so(tmp_path: Path) -> None:
    """Bytes of another coding are one line."""
    place = own(tmp_path)
    (place / "lark.toml").write_bytes(OWN.encode("gb18030"))

    assert team_catalog.use(place) == [f"{place}/lark.toml: it is not UTF-8 text"]


def test_the_command_line_uses_them_and_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside apps.toml, or beside the file that the environment names."""
    own(tmp_path, lark=OWN, slack=OWN.replace("who = ", "whom = "))
    monkeypatch.setenv("WHYFORBIDDEN_APPS_FILE", str(tmp_path / "apps.toml"))

    told = CliRunner().invoke(cli.app, ["explain", PASTE], standalone_mode=False)

    assert told.exit_code == 0 and "The gateway refused" in told.stdout
    assert "left out: " in told.stderr and "slack.toml:1: [7700001] who: Field required" in told.stderr


@pytest.mark.parametrize(
    ("parse", "pack", "named"),
    [
        ("raise RuntimeError('no network here')", OWN, "acme_platform.parse: RuntimeError: no network here"),
        ("SPEC = 7", OWN, "acme_platform.parse: TypeError: acme_platform.parse.SPEC is no bot.platforms.spec.Spec"),
        ("import nothing_like_this", OWN, "acme_platform.parse: ModuleNotFoundError"),
        ("", OWN.replace("who", "whom"), "acme_platform/pack.toml:1: [7700001] who: Field required"),
        ("", '["1"', "acme_platform/pack.toml:1: "),
    ],
)  # fmt: skip
def test_a_broken_platform_of_a_third_party_is_named_and_left_out(
    parse: str, pack: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong with it, ours answer."""
    package = tmp_path / "acme_platform"
    package.mkdir()
    parts = 'frozenset({"parse"})' if parse else "frozenset()"
    (package / "__init__.py").write_text(f"from bot.platforms.api import Platform\nPLATFORM = Platform({{}}, {parts})\n")
    (package / "parse.py").write_text(parse)
    (package / "pack.toml").write_text(pack, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(platforms, "entry_points", lambda **_group: [EntryPoint("acme", "acme_platform", "whyforbidden.platforms")])
    for name in ("acme_platform", "acme_platform.parse"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    platforms.reload()
    lexicon.cache_clear()
    catalog.cache_clear()

    assert explain(DENIED).diagnoses[0].finding.codes == ("99991672",)

    assert platforms.left_out()["acme"].startswith(named)
    assert "acme" not in platforms.packages()
