"""A set of keys (RFC 7517 section 5): bad ones are left out with a reason, an ambiguous set is refused as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sealring.errors import KeyRefused, UnknownKey
from sealring.jose.encoding import dump_json
from sealring.jose.jwk import VerificationKey, holds_private_members, is_kid
from sealring.jose.key import JWK, parse_key_text

MAX_KEYS: Final = 128
"""The most keys that a set may hold."""

MAX_JWKS_BYTES: Final = 256 * 1024
"""The longest text of a set that is parsed."""


@dataclass(frozen=True, slots=True)
class SkippedKey:
    """A key of a set that is not used.

    Attributes:
        index: its place in the set, from 0.
        kid: its id, None where it has none that may be shown.
        reason: the sentence that says why, without any part of the key.
    """

    index: int
    kid: str | None
    reason: str


class JWKSet:
    """Keys of one issuer, each found by its id.

    Args:
        keys: the keys.
        skipped: those that were left out.

    Raises:
        KeyRefused: two keys with one id, symmetric beside asymmetric ones, or more than 128.
    """

    def __init__(self, keys: Iterable[JWK], *, skipped: Iterable[SkippedKey] = ()) -> None:
        self.keys: Final = tuple(keys)
        self.skipped: Final = tuple(skipped)
        if len(self.keys) > MAX_KEYS:
            raise KeyRefused(f"a set holds at most {MAX_KEYS} keys")
        # Beside a secret, a public key could be taken for one (CVE-2015-9235).
        if len({key.is_symmetric for key in self.keys}) > 1:
            raise KeyRefused("the set mixes symmetric and asymmetric keys")
        named = [key for key in self.keys if key.kid is not None]
        self._by_kid: Final = {key.kid: key for key in named}
        # RFC 7517 section 4.5: keys of a set "SHOULD use distinct kid values"; two would leave the choice to chance.
        if len(self._by_kid) != len(named):
            raise KeyRefused("two keys of the set have the same kid")

    @classmethod
    def from_dict(
        cls, document: Mapping[str, object], *, algorithms: Iterable[str] | None = None, private: bool = False
    ) -> "JWKSet":
        """Return the set of a parsed document.

        Args:
            document: an object with the member ``keys``; others are ignored.
            algorithms: for keys that do not say their algorithm, see :meth:`JWK.from_dict`.
            private: whether private keys belong into this set; by default it is a published one, and a private key
                in it is compromised and left out.

        Raises:
            KeyRefused: not a set, two keys with one id, symmetric beside asymmetric keys, or more than 128.
        """
        entries = document.get("keys")
        if not isinstance(entries, list | tuple):
            raise KeyRefused("a set of keys is an object with the list keys")
        if len(entries) > MAX_KEYS:
            raise KeyRefused(f"a set holds at most {MAX_KEYS} keys")
        _check_whole(entries)
        names = None if algorithms is None else frozenset(algorithms)
        keys: list[JWK] = []
        skipped: list[SkippedKey] = []
        for index, entry in enumerate(entries):
            try:
                keys.append(_import(entry, names, private=private))
            except KeyRefused as error:
                kid = entry.get("kid") if isinstance(entry, Mapping) else None
                skipped.append(SkippedKey(index, kid if isinstance(kid, str) and is_kid(kid) else None, error.detail))
        return cls(keys, skipped=skipped)

    @classmethod
    def from_json(
        cls, text: str | bytes, *, algorithms: Iterable[str] | None = None, private: bool = False
    ) -> "JWKSet":
        """Return the set of a document as JSON text of at most 256 KiB; see :meth:`from_dict`.

        Raises:
            KeyRefused: also when the text is not strict JSON.
        """
        return cls.from_dict(parse_key_text(text, longest=MAX_JWKS_BYTES), algorithms=algorithms, private=private)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[JWK]:
        return iter(self.keys)

    def get(self, kid: str) -> JWK | None:
        """Return the key of an id by equality and nothing else, or None."""
        return self._by_kid.get(kid)

    def verification_key(self, kid: str) -> VerificationKey | None:
        """Look a key up as :class:`JwsVerifier` wants it: None when there is none for verifying signatures."""
        key = self._by_kid.get(kid)
        if key is None or key.is_symmetric or "verify" not in key.operations:
            return None
        return key.verification_key()

    def select(self, kid: str | None, alg: str) -> JWK:
        """Return the one key that a token may mean.

        Args:
            kid: the id in the token's header, None where it has none.
            alg: the algorithm in the token's header.

        Raises:
            UnknownKey: no key has this id.
            KeyRefused: the token names no key, and none or several keys have its algorithm.
        """
        if kid is not None and kid in self._by_kid:
            return self._by_kid[kid]
        # A key without an id contradicts no id; a token without one leaves the algorithm to tell the keys apart.
        fitting = [key for key in self.keys if key.alg == alg and (kid is None or key.kid is None)]
        if len(fitting) == 1:
            return fitting[0]
        if kid is not None:
            raise UnknownKey(kid)
        raise KeyRefused("the token names no key, and not exactly one key of the set has its algorithm")

    def to_dict(self, *, private: bool = False) -> dict[str, object]:
        """Return the document.

        Args:
            private: with private members; never to be published. Default without.

        Raises:
            KeyRefused: see :meth:`JWK.to_dict`.
        """
        return {"keys": [key.to_dict(private=private) for key in self.keys]}

    def to_json(self, *, private: bool = False) -> str:
        """Return the document as JSON text; see :meth:`to_dict`."""
        return dump_json(self.to_dict(private=private)).decode("utf-8")


def _check_whole(entries: Iterable[object]) -> None:
    """Judge a set by what its entries claim to be, so that one that is left out still counts."""
    claims = [entry for entry in entries if isinstance(entry, Mapping)]
    if len({claim.get("kty") == "oct" for claim in claims}) > 1:
        raise KeyRefused("the set mixes symmetric and asymmetric keys")
    kids = [kid for claim in claims if isinstance(kid := claim.get("kid"), str)]
    if len(set(kids)) != len(kids):
        raise KeyRefused("two keys of the set have the same kid")


def _import(entry: object, algorithms: frozenset[str] | None, *, private: bool) -> JWK:
    if not isinstance(entry, Mapping):
        raise KeyRefused("a JWK is a JSON object")
    if not private and entry.get("kty") != "oct" and holds_private_members(entry):
        raise KeyRefused("the JWK holds private members: whoever published it gave the key away")
    return JWK.from_dict(entry, algorithms=algorithms)
