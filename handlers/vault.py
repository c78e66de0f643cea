"""Encryption at rest: Fernet (AES-128-CBC with HMAC-SHA256), several keys for rotation. The first key seals, every key opens.

A key is either a Fernet key as it is (44 characters) or any passphrase of at least 32 characters, from which one is derived by
HKDF-SHA256. HKDF does not slow a guesser down: the passphrase has to be random (`openssl rand -base64 48`), not memorable.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bot.errors import OperatorError

MIN_LENGTH = 32


class VaultError(OperatorError):
    """A key that cannot be used, or a text that no key opens. The message never holds either."""


class FernetVault:
    """The `Vault` port."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise VaultError("WHYFORBIDDEN_SECRET_KEY holds no key.")
        self._fernet = MultiFernet([Fernet(_fernet_key(key)) for key in keys])

    def seal(self, plain: str) -> str:
        """Encrypt with the first key."""
        return self._fernet.encrypt(plain.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt with whichever key fits. Raises `VaultError`."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise VaultError(
                "No key of WHYFORBIDDEN_SECRET_KEY opens this text. Was an old key taken out before its texts were sealed anew?"
            ) from None

    def again(self, sealed: str) -> str:
        """The same plain text under the first key. Raises `VaultError`."""
        try:
            return self._fernet.rotate(sealed.encode()).decode()
        except InvalidToken:
            raise VaultError("No key of WHYFORBIDDEN_SECRET_KEY opens this text.") from None


def key_beside(path: Path) -> tuple[str, bool]:
    """The key kept in the file `path` (mode 0600), made when there is none. Returns the key and whether it was made just now.

    Two processes that start together agree: the file appears whole, by a hard link that only one of them can make.
    """
    try:
        return path.read_text().strip(), False
    except FileNotFoundError:
        pass
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(Fernet.generate_key().decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return path.read_text().strip(), False
    finally:
        draft.unlink(missing_ok=True)
    return path.read_text().strip(), True


def _fernet_key(key: str) -> bytes:
    if len(key) == 44:
        try:
            if len(base64.urlsafe_b64decode(key)) == 32:
                return key.encode()
        except ValueError:
            pass
    if len(key) < MIN_LENGTH:
        raise VaultError(
            f"WHYFORBIDDEN_SECRET_KEY: a key needs at least {MIN_LENGTH} random characters (openssl rand -base64 48); one has {len(key)}."
        )
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"whyforbidden vault 1").derive(key.encode())
    return base64.urlsafe_b64encode(derived)
