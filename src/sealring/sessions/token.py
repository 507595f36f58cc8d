"""The refresh token: a MAC over session and generation, so that a repeated refresh gives the same answer.

``sr1_`` + base64url(key version 1 B, sid 16 B, generation 4 B, secret 16 B, HMAC-SHA-256 32 B)

The MAC is checked before any store is asked, so a forgery costs no I/O. The store holds only SHA-256 of the secret, and
the MAC keys never enter it: store and keys together still make no token, an old token is needed as well.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

from sealring.errors import ConfigurationError, JoseError, RefreshInvalid, VersionUnknown
from sealring.jose.encoding import b64u_decode, b64u_encode
from sealring.sessions.record import MAX_GENERATION

PREFIX = "sr1_"
SID_BYTES = 16
SECRET_BYTES = 16
_MAC_BYTES = 32
_GENERATION_BYTES = 4
_BODY_BYTES = 1 + SID_BYTES + _GENERATION_BYTES + SECRET_BYTES
_LENGTH = len(PREFIX) + 92  # 69 bytes are 92 characters, without unused bits
_LABEL = b"sealring refresh token 1\x00"
_LEAST_KEY_BYTES = 32


class RefreshKeys:
    """The versioned MAC keys of refresh tokens; they never enter the store.

    Args:
        keys: version (1 to 255) to key (32 bytes or more); old versions stay until their tokens are gone.
        current: the version that signs; it follows only after every server knows it.

    Raises:
        ConfigurationError: no keys, a version out of range, or a key that is too short or no random text.
    """

    def __init__(self, keys: Mapping[int, bytes], current: int) -> None:
        if current not in keys:
            raise ConfigurationError(f"The refresh key in use is version {current}, but there is no such key.")
        for version, key in keys.items():
            if not 1 <= version <= 255:
                raise ConfigurationError("The version of a refresh key is 1 to 255.")
            if len(key) < _LEAST_KEY_BYTES or len(set(key)) < _LEAST_KEY_BYTES // 2:
                raise ConfigurationError(
                    f"Refresh key {version} is too short or not random: make 32 random bytes with 'sealring init'."
                )
        self._keys = dict(keys)
        self.current = current

    def __repr__(self) -> str:
        """Show the versions, never a key."""
        return f"RefreshKeys(versions={sorted(self._keys)}, current={self.current})"

    def mac(self, version: int, body: bytes) -> bytes | None:
        """Return the MAC of a token body under one version; None when there is no such key."""
        key = self._keys.get(version)
        return None if key is None else hmac.digest(key, _LABEL + body, "sha256")

    def is_newer(self, version: int) -> bool:
        """Tell whether a version is above every one that this process knows."""
        return version > max(self._keys)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """What a refresh token says, after its MAC was found right."""

    key_version: int
    sid: bytes
    generation: int
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> bytes:
        """SHA-256 of the secret, as the store keeps it."""
        return hashlib.sha256(self.secret).digest()


def encode(token: RefreshToken, keys: RefreshKeys) -> str:
    """Return the one spelling of a refresh token.

    Args:
        token: what it says; the same value always gives the same text.
        keys: the MAC keys.

    Returns:
        96 characters of ``A-Z a-z 0-9 - _``.

    Raises:
        ConfigurationError: the key version of the token is not among the keys.
    """
    body = (
        token.key_version.to_bytes(1, "big")
        + token.sid
        + token.generation.to_bytes(_GENERATION_BYTES, "big")
        + token.secret
    )
    mac = keys.mac(token.key_version, body)
    if mac is None:
        raise ConfigurationError(f"There is no refresh key of version {token.key_version}; keep old versions.")
    return PREFIX + b64u_encode(body + mac)


def decode(text: str, keys: RefreshKeys) -> RefreshToken:
    """Check the form and the MAC of a refresh token, without any store.

    Args:
        text: as it was presented.
        keys: the MAC keys.

    Returns:
        What the token says.

    Raises:
        RefreshInvalid: it is malformed or was not made by us.
        VersionUnknown: its key version is newer than every one that this process knows.
    """
    if len(text) != _LENGTH or not text.startswith(PREFIX):
        raise RefreshInvalid("not in the form of a refresh token")
    try:
        raw = b64u_decode(text[len(PREFIX) :], what="refresh token")
    except JoseError as error:
        raise RefreshInvalid("not canonical base64url") from error
    body, mac = raw[:_BODY_BYTES], raw[_BODY_BYTES:]
    expected = keys.mac(body[0], body)
    if expected is None:
        if keys.is_newer(body[0]):
            raise VersionUnknown(f"refresh key version {body[0]}", version=body[0])
        raise RefreshInvalid("made with a key that is no longer known")
    # Constant time: how many bytes of a guess are right must not show (ASVS 11.2.4).
    if len(mac) != _MAC_BYTES or not hmac.compare_digest(mac, expected):
        raise RefreshInvalid("the MAC is wrong")
    generation = int.from_bytes(body[1 + SID_BYTES : 1 + SID_BYTES + _GENERATION_BYTES], "big")
    if not 1 <= generation <= MAX_GENERATION:
        raise RefreshInvalid("no such generation")
    return RefreshToken(
        key_version=body[0],
        sid=body[1 : 1 + SID_BYTES],
        generation=generation,
        secret=body[1 + SID_BYTES + _GENERATION_BYTES :],
    )
