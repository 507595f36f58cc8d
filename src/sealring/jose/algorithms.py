"""The table of signature algorithms: what is not in it does not exist.

``none`` (RFC 8725 section 3.2) and RSA1_5 are never in it. An algorithm is chosen by the key, never by the token.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from sealring.errors import ConfigurationError, KeyRefused
from sealring.jose.ecdsa import Ecdsa
from sealring.jose.eddsa import Ed25519
from sealring.jose.mac import Hmac
from sealring.jose.primitives import AnyAlgorithm
from sealring.jose.rsa import Rsa

_ROWS: tuple[AnyAlgorithm, ...] = (
    Ecdsa("ES256", "P-256", ec.SECP256R1(), hashes.SHA256()),
    Ecdsa("ES384", "P-384", ec.SECP384R1(), hashes.SHA384()),
    Ecdsa("ES512", "P-521", ec.SECP521R1(), hashes.SHA512()),
    Ed25519("Ed25519"),
    Ed25519("EdDSA"),
    Rsa.pkcs1("RS256", hashes.SHA256()),
    Rsa.pkcs1("RS384", hashes.SHA384()),
    Rsa.pkcs1("RS512", hashes.SHA512()),
    Rsa.pss("PS256", hashes.SHA256()),
    Rsa.pss("PS384", hashes.SHA384()),
    Rsa.pss("PS512", hashes.SHA512()),
    Hmac("HS256", "sha256", 32),
    Hmac("HS384", "sha384", 48),
    Hmac("HS512", "sha512", 64),
)

ALGORITHMS: Final[Mapping[str, AnyAlgorithm]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every algorithm by its ``alg`` value; names are compared case-sensitively (RFC 7515 section 4.1.1)."""

# RFC 9864 section 2.2 deprecates EdDSA because it does not name its curve: only who asks for it by name gets it.
_UNASKED: Final = frozenset(ALGORITHMS) - {"EdDSA"}


def algorithm(name: object) -> AnyAlgorithm:
    """Return the algorithm of a name.

    Raises:
        KeyRefused: there is no such algorithm here.
    """
    row = ALGORITHMS.get(name) if isinstance(name, str) else None
    if row is None:
        raise KeyRefused(f"the algorithm of a key is one of {', '.join(ALGORITHMS)}")
    return row


def algorithm_of(
    jwk: Mapping[str, object], *, alg: str | None = None, among: Iterable[str] | None = None
) -> AnyAlgorithm:
    """Return the one algorithm of a JWK (RFC 8725bis: each key has exactly one).

    Args:
        jwk: the parsed JWK.
        alg: the algorithm of a JWK that does not say it; must not contradict one that does.
        among: where neither says it, the one of these that takes such a key; default all but ``EdDSA``.

    Raises:
        KeyRefused: no algorithm or several fit, or the JWK contradicts the caller or itself.
    """
    if "alg" in jwk or alg is not None:
        if alg is not None and jwk.get("alg", alg) != alg:
            raise KeyRefused("the JWK is for another algorithm")
        row = algorithm(jwk.get("alg", alg))
        if jwk.get("kty") != row.kty:
            raise KeyRefused(f"{row.name} takes keys of type {row.kty} only")
        return row
    names = _UNASKED if among is None else frozenset(among)
    fitting = [row for name, row in ALGORITHMS.items() if name in names and row.takes(jwk)]
    if len(fitting) != 1:
        raise KeyRefused("the JWK does not say its algorithm, and its type leaves none or several: name one")
    return fitting[0]


def allow_list(names: Iterable[str]) -> frozenset[str]:
    """Return the names as an allow list.

    Raises:
        ConfigurationError: the list is empty, names an algorithm that is not here (``none`` for one), or puts MACs
            beside signatures, where one party's public key could pass as another's secret.
    """
    given: list[object] = [names] if isinstance(names, str) else list(names)
    allowed = frozenset(name for name in given if isinstance(name, str) and name in ALGORITHMS)
    if not given or not all(isinstance(name, str) and name in allowed for name in given):
        raise ConfigurationError(f"allow at least one algorithm, and only these: {', '.join(ALGORITHMS)}")
    # ASVS 5.0, 9.1.2: symmetric and asymmetric algorithms are not mixed.
    if len({ALGORITHMS[name].symmetric for name in allowed}) > 1:
        raise ConfigurationError("allow MACs (HS256 and its like) or signatures, not both in one list")
    return allowed


def signature_allow_list(names: Iterable[str]) -> frozenset[str]:
    """Return the names as an allow list of signatures; see :func:`allow_list`.

    Raises:
        ConfigurationError: also when a MAC is named: who can verify its tokens can forge them.
    """
    allowed = allow_list(names)
    if any(ALGORITHMS[name].symmetric for name in allowed):
        raise ConfigurationError("a MAC does not tell its maker from its reader: allow signatures only")
    return allowed
