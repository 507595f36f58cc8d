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
from sealring.jose.primitives import AnyAlgorithm
from sealring.jose.rsa import RsaPkcs1

_ROWS: tuple[AnyAlgorithm, ...] = (
    Ecdsa("ES256", "P-256", ec.SECP256R1(), hashes.SHA256()),
    RsaPkcs1("RS256", hashes.SHA256()),
)

ALGORITHMS: Final[Mapping[str, AnyAlgorithm]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every algorithm by its ``alg`` value; names are compared case-sensitively (RFC 7515 section 4.1.1)."""


def algorithm(name: object) -> AnyAlgorithm:
    """Return the algorithm of a name.

    Raises:
        KeyRefused: there is no such algorithm here.
    """
    row = ALGORITHMS.get(name) if isinstance(name, str) else None
    if row is None:
        raise KeyRefused(f"the algorithm of a key is one of {', '.join(ALGORITHMS)}")
    return row


def allow_list(names: Iterable[str]) -> frozenset[str]:
    """Return the names as an allow list.

    Raises:
        ConfigurationError: the list is empty or names an algorithm that is not here, ``none`` for one.
    """
    allowed = frozenset(names)
    if not allowed or not allowed <= ALGORITHMS.keys():
        raise ConfigurationError(f"allow at least one algorithm, and only these: {', '.join(ALGORITHMS)}")
    return allowed
