"""Who signs: a key in this process, or one that never leaves a KMS, an HSM or another process."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from sealring.errors import StoreUnavailable
from sealring.jose import SigningKey, VerificationKey, b64u_encode, dump_json

SIGN_WITHIN: Final = 3.0
"""Seconds that an external signer may take: less than a client waits for its refresh (10 by default)."""


class Signer(Protocol):
    """Signs with one key; everything that issues tokens needs this and nothing else of a key.

    Signing is awaited, so that a signer on the network never holds up the event loop. A key in this process signs at
    once, without giving way to another task.
    """

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the public key."""
        ...

    @property
    def alg(self) -> str:
        """The one algorithm of the key."""
        ...

    async def sign(self, signing_input: bytes) -> bytes:
        """Return the signature in the JWS form (RFC 7518 section 3; for ECDSA ``R || S``, not DER)."""
        ...


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """A key that was made outside of this process.

    Attributes:
        reference: under which its keeper finds it again, 1 to 2,048 characters; kept sealed in the ring.
        public_jwk: its public key; ``kid``, ``alg`` and ``use`` need not be there.
    """

    reference: str
    public_jwk: Mapping[str, object]


class ExternalKeys(Protocol):
    """Makes signing keys that never leave their keeper, and signs with them: a KMS, an HSM, another process."""

    async def make(self, alg: str) -> ExternalKey:
        """Make a new key for one algorithm; any exception leaves the ring as it was, and is tried again."""
        ...

    def signer(self, reference: str, key: VerificationKey) -> Signer:
        """Return what signs with the key of a reference, without any I/O.

        Args:
            reference: what :meth:`make` gave.
            key: its public key; ``kid`` and ``alg`` are those of the signer.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalSigner:
    """Signs with a key in this process's memory.

    Args:
        key: the signing key.
    """

    key: SigningKey

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the public key."""
        return self.key.kid

    @property
    def alg(self) -> str:
        """The one algorithm of the key."""
        return self.key.alg

    async def sign(self, signing_input: bytes) -> bytes:
        """Return the signature; this coroutine never gives way."""
        return self.key.sign(signing_input)


@dataclass(frozen=True, slots=True)
class CheckedSigner:
    """An external signer that is held to a deadline, and whose signatures are verified before anybody gets one.

    Args:
        signer: the external one.
        key: its public key.
        within: seconds for one signature; default 3.
    """

    signer: Signer
    key: VerificationKey
    within: float = SIGN_WITHIN

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of the public key."""
        return self.key.kid

    @property
    def alg(self) -> str:
        """The one algorithm of the key."""
        return self.key.alg

    async def sign(self, signing_input: bytes) -> bytes:
        """Return the signature.

        Raises:
            StoreUnavailable: the signer failed, took too long, or gave something that is no signature of its key.
        """
        try:
            async with asyncio.timeout(self.within):
                signature = await self.signer.sign(signing_input)
        except TimeoutError:
            raise StoreUnavailable(f"the external signer did not answer within {self.within:g} seconds") from None
        except Exception as error:
            # Its words stay out of the log: they may hold what it was given.
            raise StoreUnavailable(f"the external signer failed: {type(error).__name__}") from error
        if not self.key.verify(signing_input, signature):
            raise StoreUnavailable("the external signer gave something that is no signature of its key")
        return signature


class CompactJws:
    """Makes tokens of one type, whoever signs them.

    Args:
        typ: the media type without ``application/``, for example ``at+jwt``.
    """

    def __init__(self, typ: str) -> None:
        self._typ = typ
        self._header = ("", "")

    async def make(self, payload: bytes, signer: Signer) -> str:
        """Return a compact JWS whose header is ``alg``, ``kid`` and ``typ`` (RFC 7515 section 7.1)."""
        signing_input = f"{self._header_segment(signer)}.{b64u_encode(payload)}"
        return f"{signing_input}.{b64u_encode(await signer.sign(signing_input.encode('ascii')))}"

    def _header_segment(self, signer: Signer) -> str:
        # One key signs for days, so the last header is nearly always the right one.
        kid, segment = self._header
        if kid != signer.kid:
            segment = b64u_encode(dump_json({"alg": signer.alg, "kid": signer.kid, "typ": self._typ}))
            self._header = (signer.kid, segment)
        return segment
