"""Services that may ask this one: each has a name and a secret, of which only the digest is kept here."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from sealring.errors import CallerUnknown, ConfigurationError
from sealring.jose import b64u_decode, b64u_encode

_NAME: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_SECRET_BYTES: Final = 32
_PREFIX: Final = "scs_"
_SECRET: Final = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")
# RFC 7617 section 2: the user-pass in Base64; RFC 9110 section 11.4: credentials = auth-scheme 1*SP token68.
_BASIC: Final = re.compile(rb"basic +([A-Za-z0-9+/]{4,400}={0,2})", re.IGNORECASE)
_DIGEST_BYTES: Final = 32


def make_caller_secret(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Return a new secret for a service: ``scs_`` and 32 random bytes in base64url.

    Args:
        entropy: returns that many random bytes; default the operating system's.
    """
    return _PREFIX + b64u_encode(entropy(_SECRET_BYTES))


def digest_of_secret(secret: str) -> str:
    """Return what the asked service keeps: the SHA-256 digest of a secret in base64url.

    Raises:
        ConfigurationError: it is no secret of :func:`make_caller_secret`, so it may be guessable, and a digest of
            something guessable is as good as the thing itself.
    """
    if not _SECRET.fullmatch(secret):
        raise ConfigurationError("The secret of a service is made by 'sealring caller', never chosen.")
    return b64u_encode(hashlib.sha256(secret.encode("ascii")).digest())


def basic_credentials(name: str, secret: str) -> str:
    """Return the value of ``Authorization`` with which a service says who it is (RFC 7617 section 2)."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode("ascii")).decode("ascii")


class Callers:
    """Knows the configured services.

    Args:
        digests: pairs of name and :func:`digest_of_secret`; a name may come twice while its secret is changed.

    Raises:
        ConfigurationError: a name is not 1 to 64 of ``A-Za-z0-9._~-``, or a digest is not one.
    """

    def __init__(self, digests: Iterable[tuple[str, str]] = ()) -> None:
        known: dict[str, list[bytes]] = {}
        for name, digest in digests:
            if not _NAME.fullmatch(name):
                raise ConfigurationError("The name of a service is 1 to 64 of A-Z a-z 0-9 . _ ~ -.")
            known.setdefault(name, []).append(_digest(name, digest))
        self._known: Final[Mapping[str, list[bytes]]] = known

    def __len__(self) -> int:
        """Return how many services are known."""
        return len(self._known)

    def authenticate(self, authorization: tuple[bytes, ...]) -> str:
        """Return the name of the service that a request comes from.

        Args:
            authorization: the value of every ``Authorization`` line.

        Raises:
            CallerUnknown: whatever is wrong; a name that exists and one that does not look the same and take as long.
        """
        if len(authorization) != 1:
            raise CallerUnknown("not exactly one Authorization header came")
        name, secret = _read_basic(authorization[0])
        presented = hashlib.sha256(secret).digest()
        expected = self._known.get(name, [bytes(_DIGEST_BYTES)])
        # Every digest is compared, none is skipped.
        if not sum([hmac.compare_digest(presented, digest) for digest in expected]):
            raise CallerUnknown("no service with this name and secret is configured")
        return name


def _digest(name: str, text: str) -> bytes:
    digest = b64u_decode(text, what=f"the digest of {name}") if _is_base64url(text) else b""
    if len(digest) != _DIGEST_BYTES:
        raise ConfigurationError(f"The digest of the service {name} is not one: make it with 'sealring caller'.")
    return digest


def _is_base64url(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", text) is not None


def _read_basic(value: bytes) -> tuple[str, bytes]:
    match = _BASIC.fullmatch(value)
    try:
        name, colon, secret = binascii.a2b_base64(match[1], strict_mode=True).partition(b":") if match else (b"",) * 3
    except binascii.Error:
        raise CallerUnknown("the Authorization header is no Basic credential") from None
    if not colon:
        raise CallerUnknown("the Authorization header is no Basic credential")
    return name.decode("latin-1"), secret
