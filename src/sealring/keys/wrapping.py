"""Sealing key rows: whoever can write to the database still cannot plant a key, nor read a private one.

AES-256-GCM encrypts the private key and authenticates every other field of its row. The key-encryption keys never
enter the database.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealring.errors import ConfigurationError, JoseError, KeyRingError
from sealring.jose.encoding import dump_json
from sealring.keys.record import KeyRow

KEK_BYTES: Final = 32
"""Length of a key-encryption key: AES-256."""

_LABEL: Final = "sealring key row 1"
_FORMAT: Final = b"\x01"
_NONCE_BYTES: Final = 12  # NIST SP 800-38D section 5.2.1.1 recommends 96 bits
_MIN_DISTINCT_BYTES: Final = 16  # 32 random bytes have fewer with a probability below 2**-54


class KeyEncryptionKeys:
    """The versioned keys that seal the ring; a new row is sealed under the current version.

    Args:
        keys: 32 random bytes for each version (1 or higher). Old versions stay until no row is sealed under them.
        current: the version in use.
        entropy: gives that many random bytes; default the operating system's generator.

    Raises:
        ConfigurationError: no keys, no current one, a wrong length, or bytes that are not random.
    """

    def __init__(
        self, keys: Mapping[int, bytes], current: int, *, entropy: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        for version, key in keys.items():
            _check_key(version, key)
        if current not in keys:
            raise ConfigurationError(f"the current key-encryption key is version {current}, which is not configured")
        self._ciphers = {version: AESGCM(key) for version, key in keys.items()}
        self._current = current
        self._entropy = entropy

    def __repr__(self) -> str:
        return f"KeyEncryptionKeys(versions={sorted(self._ciphers)}, current={self._current})"

    @property
    def current(self) -> int:
        """The version under which rows are sealed now."""
        return self._current

    @property
    def versions(self) -> frozenset[int]:
        """The versions that can be opened."""
        return frozenset(self._ciphers)

    def seal(self, row: KeyRow, private: bytes) -> KeyRow:
        """Return the row sealed under the current version.

        Args:
            row: every field but ``kek_version`` and ``wrapped``, which are replaced.
            private: the private key; empty for a retired or distrusted key.
        """
        row = replace(row, kek_version=self._current)
        nonce = self._entropy(_NONCE_BYTES)
        sealed = self._ciphers[self._current].encrypt(nonce, private, _authenticated_fields(row))
        return replace(row, wrapped=_FORMAT + nonce + sealed)

    def open(self, row: KeyRow) -> bytes:
        """Return what was sealed, after every field of the row was found unchanged.

        Raises:
            KeyRingError: the version is not configured, the key is another one, or the row was altered or planted.
        """
        cipher = self._ciphers.get(row.kek_version)
        if cipher is None:
            raise KeyRingError(
                f"a key of the ring is sealed under key-encryption key version {row.kek_version}, which is not "
                f"configured: add that version beside the current one ({self._current})"
            )
        nonce, sealed = row.wrapped[1 : 1 + _NONCE_BYTES], row.wrapped[1 + _NONCE_BYTES :]
        try:
            if row.wrapped[:1] != _FORMAT:
                raise InvalidTag
            return cipher.decrypt(nonce, sealed, _authenticated_fields(row))
        except (InvalidTag, ValueError, JoseError):
            raise KeyRingError(
                f"a key of the ring is not authentic under key-encryption key version {row.kek_version}: either "
                "that key is not the one that sealed the ring (configure the original again), or the row was altered"
            ) from None


def _check_key(version: int, key: bytes) -> None:
    name = f"key-encryption key version {version}"
    if version < 1:
        raise ConfigurationError(f"{name}: versions count from 1")
    if len(key) != KEK_BYTES:
        raise ConfigurationError(f"{name} has {len(key)} bytes: it needs {KEK_BYTES} random ones")
    if len(set(key)) < _MIN_DISTINCT_BYTES or re.fullmatch(rb"[\t\n\r\x20-\x7e]+", key):
        raise ConfigurationError(f"{name} is text or a pattern: make {KEK_BYTES} bytes with a random generator")


def _authenticated_fields(row: KeyRow) -> bytes:
    """Encode everything but the sealed part, so that no two different rows have the same encoding."""
    times = (row.created_at, row.activated_at, row.retiring_at, row.retired_at, row.distrusted_at)
    # A float in hexadecimal is exact, and the same whether a store gave back 1 or 1.0.
    exact = [None if time is None else float(time).hex() for time in times]
    return dump_json([_LABEL, row.kid, row.alg, row.public_jwk, str(row.state), row.kek_version, *exact])
