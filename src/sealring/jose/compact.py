"""Compact JSON Web Signatures (RFC 7515) of any maker: the general gate, for tokens and keys of others.

It differs from :class:`~sealring.jose.jws.JwsVerifier` only in what an honest foreign token may lack or add: ``typ``
and ``kid`` may be missing, the payload may be any octets, other header members are kept and not acted upon. Everything
that would let a token choose its key or meaning is refused by both; ``docs/jose.md`` has the table.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sealring.errors import ConfigurationError, JoseError, KeyRefused, UnknownKey
from sealring.jose.algorithms import ALGORITHMS, allow_list
from sealring.jose.encoding import b64u_decode, b64u_encode, dump_json
from sealring.jose.header import check_general_header, normal_type, parse_general_header
from sealring.jose.jwk import SigningKey, VerificationKey
from sealring.jose.jwks import JWKSet
from sealring.jose.key import JWK

MAX_GENERAL_BYTES: Final = 64 * 1024
"""The longest token of somebody else that is looked at."""

_EVERY_ALGORITHM: Final = frozenset(ALGORITHMS)

AnyKey = JWK | SigningKey | VerificationKey | Mapping[str, object]
"""One key: checked before, or a parsed JWK. Never a string: text cannot say what kind of key it is."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a token said, after its signature was found good.

    Attributes:
        header: the JOSE header, read-only.
        payload: the signed bytes, not parsed; may be empty.
        key: the key that verified it.
    """

    header: Mapping[str, object]
    payload: bytes
    key: JWK


def verify(
    token: str,
    key: AnyKey | JWKSet | Sequence[AnyKey],
    *,
    algorithms: Iterable[str],
    typ: str | None = None,
    max_bytes: int = MAX_GENERAL_BYTES,
) -> Verified:
    """Verify one compact JWS.

    Args:
        token: the compact form, without any white space around it.
        key: a key, a set, or a sequence of keys; a mapping is a parsed JWK, or a parsed set if it has ``keys``. Where a
            JWK does not say its algorithm, the one of ``algorithms`` that fits becomes it.
        algorithms: the allow list (RFC 8725 section 3.1). ``EdDSA`` and the MACs are allowed by naming them; MACs
            and signatures are not allowed in one list.
        typ: the type that the token must declare, with or without ``application/``, in any case; None for any.
        max_bytes: the longest token that is looked at, in characters; default 65,536.

    Returns:
        Header, payload and key.

    Raises:
        ConfigurationError: the allow list is empty, mixed, or names an unknown algorithm.
        KeyRefused: a key or set that must not be used, or none that the token may mean.
        UnknownKey: the token names a key that is not among these.
        JoseError: any other rule; ``reason`` names it.
    """
    allowed = allow_list(algorithms)
    keys = _key_set(key, allowed)
    if not isinstance(token, str):
        raise JoseError("a token is text")
    if len(token) > max_bytes:
        raise JoseError(f"the token is longer than {max_bytes} characters", reason="size")
    first, second, third = _segments(token)
    header = parse_general_header(first, algorithms=allowed, typ=None if typ is None else _type(typ))
    payload = b64u_decode(second, what="the payload")
    signature = b64u_decode(third, what="the signature")
    chosen = _select(keys, header.kid, header.alg)
    # RFC 8725bis: the header's algorithm MUST be the key's own; compared before the cryptography.
    if chosen.alg != header.alg:
        raise JoseError("the algorithm of the header is not the algorithm of the key", reason="alg")
    if not chosen.verify(f"{first}.{second}".encode("ascii"), signature):
        raise JoseError("the signature is not valid", reason="signature")
    return Verified(header.members, payload, chosen)


def sign(
    payload: bytes,
    key: JWK | SigningKey | Mapping[str, object],
    *,
    typ: str | None = None,
    header: Mapping[str, object] | None = None,
) -> str:
    """Return a compact JWS whose header is ``alg``, ``kid`` where the key has one, and what the caller adds.

    Args:
        payload: the bytes to sign.
        key: the signing key; its one algorithm is used.
        typ: the media type without ``application/``, for example ``at+jwt``; default none.
        header: more members; none may contradict the key or the type.

    Raises:
        KeyRefused: the key cannot sign, or its owner does not allow it to.
        JoseError: the header cannot be written as JSON, or :func:`verify` would refuse it.
    """
    chosen = _signing_key(key)
    own = {name: value for name, value in (("alg", chosen.alg), ("kid", chosen.kid), ("typ", typ)) if value is not None}
    members = {**own, **(header or {})}
    if any(members[name] != value for name, value in own.items()):
        raise JoseError("the header contradicts the key or the type", reason="header")
    check_general_header(members, algorithms=_EVERY_ALGORITHM, typ=None)
    segment = b64u_encode(dump_json(members))
    # What was written must read the same: a name that is no string, for one, would come back as another.
    parse_general_header(segment, algorithms=_EVERY_ALGORITHM, typ=None)
    signing_input = f"{segment}.{b64u_encode(payload)}"
    return f"{signing_input}.{b64u_encode(chosen.sign(signing_input.encode('ascii')))}"


def _signing_key(key: JWK | SigningKey | Mapping[str, object]) -> JWK:
    if isinstance(key, JWK):
        return key
    return JWK.of(key) if isinstance(key, SigningKey) else JWK.from_dict(key)


def _key_set(key: object, algorithms: frozenset[str]) -> JWKSet | JWK:
    if isinstance(key, JWKSet):
        return key
    if isinstance(key, Mapping) and "keys" in key:
        return JWKSet.from_dict(key, algorithms=algorithms)
    if isinstance(key, Sequence) and not isinstance(key, str | bytes | bytearray | memoryview):
        return JWKSet([_key(each, algorithms) for each in key])
    return _key(key, algorithms)


def _key(key: object, algorithms: frozenset[str]) -> JWK:
    if isinstance(key, JWK):
        return key
    if isinstance(key, SigningKey | VerificationKey):
        return JWK.of(key)
    if isinstance(key, Mapping):
        return JWK.from_dict(key, algorithms=algorithms)
    # CVE-2022-29217 and its kin: text or octets could be a public key that passes as a secret.
    raise KeyRefused("a key is a JWK, a set or a key object, never text or octets")


def _select(keys: JWKSet | JWK, kid: str | None, alg: str) -> JWK:
    if isinstance(keys, JWKSet):
        return keys.select(kid, alg)
    # A token that names another key than the only one was not meant for it.
    if kid is not None and keys.kid is not None and kid != keys.kid:
        raise UnknownKey(kid)
    return keys


def _type(typ: str) -> str:
    if not (normal := normal_type(typ)):
        raise ConfigurationError("a type is ASCII text, for example at+jwt")
    return normal


def _segments(token: str) -> tuple[str, str, str]:
    segments = token.split(".", 3)
    # RFC 7515 section 7.1: three parts; five are a JWE. The payload may be empty, header and signature may not.
    if len(segments) != 3 or not segments[0] or not segments[2]:
        raise JoseError("a compact JWS has three segments, a header and a signature")
    return segments[0], segments[1], segments[2]
