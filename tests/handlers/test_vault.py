"""Sealing at rest, rotation of the key, and the key file."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.ports import StoredToken
from handlers.compose import open_vault, reseal
from handlers.settings import SettingsError, load_settings
from handlers.store import open_store
from handlers.vault import FernetVault, VaultError, key_beside

ONE, TWO = "first passphrase of many characters 1", "second passphrase of many characters 2"


def test_what_is_sealed_opens_again_and_does_not_show() -> None:
    """Two seals of one text differ, and neither holds it."""
    vault = FernetVault([ONE])
    sealed = [vault.seal("u-令牌") for _ in range(2)]

    assert [vault.open(each) for each in sealed] == ["u-令牌", "u-令牌"]
    assert sealed[0] != sealed[1]
    assert "u-" not in sealed[0]


def test_the_first_key_seals_and_every_key_opens() -> None:
    """After a rotation old texts still open; sealed anew they open without the old key."""
    old = FernetVault([ONE]).seal("x")
    both = FernetVault([TWO, ONE])

    assert both.open(old) == "x"
    assert FernetVault([TWO]).open(both.seal("y")) == "y"
    assert FernetVault([TWO]).open(both.again(old)) == "x"


@pytest.mark.parametrize("change", [lambda s: s[:-4] + "AAA=", lambda s: s[:0], lambda s: s[::-1], lambda s: s[:20]])
def test_a_changed_or_foreign_text_does_not_open(change: object) -> None:
    """The refusal names the setting and holds neither key nor text."""
    sealed = FernetVault([ONE]).seal("x")
    for vault, text in ((FernetVault([ONE]), change(sealed)), (FernetVault([TWO]), sealed)):  # type: ignore[operator]
        with pytest.raises(VaultError, match="WHYFORBIDDEN_SECRET_KEY") as caught:
            vault.open(text)
        assert ONE not in str(caught.value)
        with pytest.raises(VaultError):
            vault.again(text)


def test_a_fernet_key_is_taken_as_it_is() -> None:
    """So that a key from a secret manager works with other Fernet tools."""
    key = Fernet.generate_key()

    assert Fernet(key).decrypt(FernetVault([key.decode()]).seal("x").encode()) == b"x"


def test_a_short_key_is_refused_without_being_shown() -> None:
    """A short passphrase could be guessed from one sealed text."""
    with pytest.raises(VaultError, match="at least 32") as caught:
        FernetVault(["hunter22"])
    assert "hunter22" not in str(caught.value)


def test_processes_that_start_together_get_one_private_key(tmp_path: Path) -> None:
    """Of many that make the key file at once one wins and all read its key."""
    file = tmp_path / "store.db.key"
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: key_beside(file), range(32)))

    assert len({key for key, _ in results}) == 1
    assert sum(made for _, made in results) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [file] == list(tmp_path.iterdir())


def test_without_a_key_a_file_beside_the_store_is_used(tmp_path: Path) -> None:
    """A restart opens what was sealed before."""
    settings = load_settings(store_url=f"sqlite:///{tmp_path / 's.db'}", secret_key="")

    assert open_vault(settings).open(open_vault(settings).seal("x")) == "x"
    assert (tmp_path / "s.db.key").exists()


def test_a_key_file_made_earlier_still_opens_after_the_setting_came(tmp_path: Path) -> None:
    """Setting WHYFORBIDDEN_SECRET_KEY later loses nothing, and what is sealed from then on needs the setting only."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    early = open_vault(load_settings(store_url=url, secret_key="")).seal("x")
    late = open_vault(load_settings(store_url=url, secret_key=ONE))

    assert late.open(early) == "x"
    assert FernetVault([ONE]).open(late.seal("y")) == "y"


async def test_resealing_everything_lets_the_old_key_go(tmp_path: Path) -> None:
    """The operator's command: both keys set, run it, take the old one out."""
    url = f"sqlite:///{tmp_path / 's.db'}"
    store = open_store(url)
    await store.put_token(StoredToken("lark", "cli_1", "ou_1", FernetVault([ONE]).seal("x")))

    assert await reseal(load_settings(store_url=url, secret_key=f"{TWO},{ONE}")) == 1
    assert (row := await store.token("lark", "cli_1", "ou_1", None)) is not None
    assert FernetVault([TWO]).open(row.sealed) == "x"
    with pytest.raises(SettingsError, match="WHYFORBIDDEN_SECRET_KEY"):
        await reseal(load_settings(store_url=url, secret_key=ONE))
    await store.close()


def test_a_shared_store_needs_a_shared_key() -> None:
    """With PostgreSQL a key file on one machine would lock the others out."""
    with pytest.raises(SettingsError, match="WHYFORBIDDEN_SECRET_KEY is needed"):
        open_vault(load_settings(store_url="postgresql://h/d", secret_key=""))
