"""Encryption of events by a library, where a test is about something else than encryption."""

from __future__ import annotations

import base64
import json
import os
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.lark.made import KEY


def encrypt(event: dict[str, Any], key: str = KEY) -> str:
    """base64(IV + AES-256-CBC)."""
    iv = os.urandom(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(sha256(key.encode()).digest()), modes.CBC(iv)).encryptor()
    plain = padder.update(json.dumps(event, ensure_ascii=False).encode()) + padder.finalize()
    return base64.b64encode(iv + encryptor.update(plain) + encryptor.finalize()).decode()
