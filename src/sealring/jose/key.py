"""One key as a JSON Web Key (RFC 7517), public, private or symmetric: for tokens of others and for exchange."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sealring.errors import JoseError, KeyRefused
from sealring.jose.algorithms import algorithm, algorithm_of
from sealring.jose.encoding import dump_json, parse_json_object
from sealring.jose.jwk import (
    SIGNATURE_OPERATIONS,
    SigningKey,
    VerificationKey,
    holds_private_members,
    is_kid,
    kid_of,
    make_signing_key,
    make_verification_key,
    operations_of,
    thumbprint,
)
from sealring.jose.primitives import AnyAlgorithm

MAX_JWK_BYTES = 16 * 1024
"""The longest text of one JWK that is parsed."""

_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True, eq=False)
class JWK:
    """One checked key with one algorithm; made by the functions below, never by its constructor.

    Attributes:
        kid: the key id, None where the JWK has none.
        alg: the one algorithm of the key.
        operations: which of ``sign`` and ``verify`` its owner allows.
        is_private: whether it can sign.
    """

    kid: str | None
    alg: str
    operations: frozenset[str]
    is_private: bool
    _algorithm: AnyAlgorithm = field(repr=False)
    _public: Any = field(repr=False)
    _private: Any = field(repr=False)

    @staticmethod
    def from_dict(
        jwk: Mapping[str, object], *, alg: str | None = None, algorithms: Iterable[str] | None = None
    ) -> "JWK":
        """Return the key of a parsed JWK; members that nobody knows are ignored (RFC 7517 section 4).

        Args:
            jwk: public, private or symmetric.
            alg: the algorithm, where the JWK does not say it.
            algorithms: where neither says it, the one of these that fits the key is taken; default all but ``EdDSA``.
                An EC or Ed25519 key needs nothing, an RSA or symmetric one fits several.

        Raises:
            KeyRefused: weak, malformed, of the wrong kind or purpose, a published example, or without one algorithm.
        """
        if not isinstance(jwk, Mapping):
            raise KeyRefused("a JWK is a JSON object")
        operations = operations_of(jwk)
        row = algorithm_of(jwk, alg=alg, among=algorithms)
        kid = kid_of(jwk)
        if not holds_private_members(jwk):
            return JWK(kid, row.name, operations, False, row, row.from_members(jwk), None)
        private = row.from_private_members(jwk)
        return JWK(kid, row.name, operations, True, row, row.public_of(private), private)

    @staticmethod
    def from_json(text: str | bytes, *, alg: str | None = None) -> "JWK":
        """Return the key of a JWK as JSON text of at most 16 KiB; see :meth:`from_dict`.

        Raises:
            KeyRefused: also when the text is not strict JSON.
        """
        return JWK.from_dict(parse_key_text(text, longest=MAX_JWK_BYTES), alg=alg)

    @staticmethod
    def generate(alg: str, *, kid: str | None = None) -> "JWK":
        """Make a new private or symmetric key.

        Args:
            alg: its one algorithm.
            kid: its id; default the thumbprint, none for a symmetric key.

        Raises:
            KeyRefused: there is no such algorithm, or the id is not 1 to 128 printable ASCII characters.
        """
        if kid is not None and not is_kid(kid):
            raise KeyRefused("a kid is 1 to 128 printable ASCII characters without spaces")
        row = algorithm(alg)
        private = row.generate()
        key = JWK(kid, row.name, SIGNATURE_OPERATIONS, True, row, row.public_of(private), private)
        return key if kid or row.symmetric else replace(key, kid=key.thumbprint())

    @staticmethod
    def of(key: SigningKey | VerificationKey) -> "JWK":
        """Return a key of the key ring's types as a JWK."""
        if isinstance(key, SigningKey):
            return JWK(key.kid, key.alg, SIGNATURE_OPERATIONS, True, key._algorithm, key.public._key, key._key)
        return JWK(key.kid, key.alg, SIGNATURE_OPERATIONS, False, key._algorithm, key._key, None)

    @property
    def kty(self) -> str:
        """The key type: ``EC``, ``RSA``, ``OKP`` or ``oct``."""
        return self._algorithm.kty

    @property
    def is_symmetric(self) -> bool:
        """Whether the key that verifies also signs."""
        return self._algorithm.symmetric

    def thumbprint(self) -> str:
        """Return the RFC 7638 thumbprint.

        Raises:
            KeyRefused: the key is symmetric (RFC 7638 section 7: the hash of a secret helps to guess it).
        """
        return thumbprint(self._algorithm.to_members(self._public))

    def public(self) -> "JWK":
        """Return the key without its private half.

        Raises:
            KeyRefused: the key is symmetric, so it has no public half.
        """
        self._refuse_symmetric()
        return replace(self, is_private=False, _private=None)

    def verification_key(self) -> VerificationKey:
        """Return what :class:`JwsVerifier` takes; without a ``kid`` the thumbprint becomes it.

        Raises:
            KeyRefused: the key is symmetric, or not for verifying.
        """
        self._refuse_symmetric()
        self._demand("verify")
        return make_verification_key(self._algorithm, self._public, self.kid)

    def signing_key(self) -> SigningKey:
        """Return what the key ring takes; without a ``kid`` the thumbprint becomes it.

        Raises:
            KeyRefused: the key is public or symmetric, or not for signing.
        """
        self._refuse_symmetric()
        self._demand("sign")
        return make_signing_key(self._algorithm, self._private, self.kid)

    def to_dict(self, *, private: bool = False) -> dict[str, object]:
        """Return the JWK.

        Args:
            private: with the private members; never to be published. Default without.

        Raises:
            KeyRefused: private members were asked of a public key, or only public ones of a symmetric key.
        """
        if private and not self.is_private:
            raise KeyRefused("the key has no private members")
        row = self._algorithm
        members = row.to_private_members(self._private) if private else row.to_members(self._public)
        told: dict[str, object] = {} if self.kid is None else {"kid": self.kid}
        told["alg"] = self.alg
        # RFC 7517 section 4.3: use and key_ops should not be told together.
        if self.operations == SIGNATURE_OPERATIONS:
            return {**members, **told, "use": "sig"}
        return {**members, **told, "key_ops": sorted(self.operations)}

    def to_json(self, *, private: bool = False) -> str:
        """Return the JWK as JSON text; see :meth:`to_dict`."""
        return dump_json(self.to_dict(private=private)).decode("utf-8")

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature (in the JWS form) belongs to the input; never raises for a bad signature.

        Raises:
            KeyRefused: the key's owner does not allow it to verify.
        """
        self._demand("verify")
        return self._algorithm.verify(self._public, signing_input, signature)

    def sign(self, signing_input: bytes) -> bytes:
        """Return the signature of the input in the JWS form.

        Raises:
            KeyRefused: the key is public, or its owner does not allow it to sign.
        """
        self._demand("sign")
        return self._algorithm.sign(self._private, signing_input)

    def _demand(self, operation: str) -> None:
        if operation not in self.operations or (operation == "sign" and not self.is_private):
            raise KeyRefused(f"the key is not one to {operation} with")

    def _refuse_symmetric(self) -> None:
        if self.is_symmetric:
            raise KeyRefused("a symmetric key has no public half")


def parse_key_text(text: str | bytes, *, longest: int) -> dict[str, object]:
    """Parse the JSON text of a key or a set of keys.

    Args:
        text: JSON; bytes are UTF-8.
        longest: its longest length in characters or bytes.

    Raises:
        KeyRefused: too long, or not one strict JSON object.
    """
    if len(text) > longest:
        raise KeyRefused(f"the text of a key is JSON of at most {longest} characters")
    try:
        data = text.encode("utf-8") if isinstance(text, str) else text
        return parse_json_object(data, max_depth=_MAX_DEPTH, what="the text of the key")
    except UnicodeEncodeError:
        raise KeyRefused("the text of a key is UTF-8") from None
    except JoseError as error:
        raise KeyRefused(error.detail) from None
