"""Secrets that are long enough for a MAC and still known to, or guessed by, everybody.

RFC 8725 section 3.5: keys need enough entropy, and "human-memorizable passwords MUST NOT be directly used as the key".
No program can measure the entropy of one value; these are the cases that occur.
"""

import binascii
import hashlib
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

_FEWEST_DIFFERENT_OCTETS: Final = 8  # 32 random octets have fewer than 20 different ones less than once in 2**30

# SHA-256 of secrets that documentation shows and programs copy; shorter ones (``secret``, ``your-256-bit-secret``)
# already fail by their length, repeated ones by their repetition.
_LISTED: Final = frozenset(
    bytes.fromhex(digest)
    for digest in (
        # RFC 7515 appendix A.1 and RFC 7517 appendix A.3: the octets, and their base64url text used as a secret.
        "c8ecc9361a05e285f04c26f9572131a6deab07e9e2b865053c6f75a4d8bd2b32",
        "8b1b17a9740c068accab5c3d0d652c8e3cc13206e70bb73b42ea41d4c2de3c12",
        # The debugger at jwt.io, for HS256, HS384 and HS512.
        "465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b",
        "730d21a80e61a8de82d12cb4c0b8057cff5a30e2dec50ce7a773513374f9164a",
        "db6833593279d7373592ef70e51f3daf048c04475739f8ed024b0821fd9e7fde",
        # The tutorial of FastAPI, as text and as the octets that the text spells in hex.
        "570dad43de1af4c925f92c16a68a50936da42b7dd6fdeb24850507a1199aac89",
        "4d0f8dec4515d07a611c502f22adb95c854d943d6122fb8f96c9503b42356bac",
        # The tutorial of NestJS.
        "f9d1bbb2d69379c579135247edda14b365847c5d0f9774ffbea4893537a386e9",
    )
)
_DJANGO_PLACEHOLDER: Final = b"django-insecure-"  # Django's own mark for a secret that is in version control
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_KEY_TEXTS: Final = (b"-----BEGIN ", b"ssh-rsa ", b"ssh-ed25519 ", b"ecdsa-sha2-", b'"kty"')


def weakness(secret: bytes) -> str | None:
    """Return what is wrong with a secret, as the end of a sentence, or None.

    Args:
        secret: the octets of the MAC key.
    """
    if len(set(secret)) < _FEWEST_DIFFERENT_OCTETS:
        return "is made of a few octets only"
    if _is_repetition(secret):
        return "is a shorter one, repeated"
    if hashlib.sha256(secret).digest() in _LISTED or secret.startswith(_DJANGO_PLACEHOLDER):
        return "is a published example"
    if _is_key_material(secret):
        # CVE-2015-9235, CVE-2022-29217: a public key used as a secret lets everybody forge.
        return "is the text of an asymmetric key"
    return None


def _is_key_material(secret: bytes) -> bool:
    """Tell whether octets are an asymmetric key: PEM, SSH, JWK or DER, or the base64 of one."""
    if any(text in secret for text in _KEY_TEXTS) or _is_der_key(secret):
        return True
    try:
        decoded = binascii.a2b_base64(secret.translate(_TO_STANDARD) + b"==") if secret.isascii() else b""
    except binascii.Error:
        return False
    return any(text in decoded for text in _KEY_TEXTS) or _is_der_key(decoded)


def _is_repetition(secret: bytes) -> bool:
    # Octets repeat with a period exactly when they equal themselves moved by it; the last repetition may be cut off.
    # The least period of at most half the length is where the first half stands again for the first time (Fine and
    # Wilf), so one look is enough, however long a secret of somebody else is.
    half = len(secret) // 2
    period = secret.find(secret[:half], 1)
    return 0 < period <= half and secret.startswith(secret[period:])


def _is_der_key(data: bytes) -> bool:
    if not data.startswith(b"\x30"):
        return False
    try:
        load_der_public_key(data)
    except UnsupportedAlgorithm:
        return True
    except ValueError:
        return False
    return True
