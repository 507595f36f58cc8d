"""Two ways to see, from a modulus alone, that an RSA key is broken.

CVE-2017-15361 ("ROCA"): a widely used chip made its primes as ``k * M + 65537**a mod M`` with ``M`` the product of the
first primes (Nemec, Sys, Svenda, Klinec and Matyas, "The Return of Coppersmith's Attack", CCS 2017, section 2.1). Such
a modulus is a power of 65537 modulo each of those primes; another modulus is one modulo all of them about once in
2**28.
"""

from typing import Final

_PRIMES: Final = (
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
)  # fmt: skip


def has_small_factor(modulus: int) -> bool:
    """Tell whether an odd prime up to 167 divides the modulus."""
    return any(modulus % prime == 0 for prime in _PRIMES)


def is_roca(modulus: int) -> bool:
    """Tell whether the modulus carries the fingerprint of CVE-2017-15361."""
    return all(modulus % prime in powers for prime, powers in _POWERS)


def _powers_of_65537(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime - 1))


_POWERS: Final = tuple((prime, _powers_of_65537(prime)) for prime in _PRIMES)
