"""Which 32 octets are a sound point of edwards25519 (RFC 8032 section 5.1).

Libraries differ in which odd encodings and points of small order they accept (Chalkias, Garillot and Nikolaenko,
"Taming the many EdDSAs", 2020). These checks come before any of them, so that every library gives the same verdict.
All values here are public; nothing needs constant time.
"""

from typing import Final

PRIME: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
"""The order ``L`` of the base point."""

_D: Final = -121665 * pow(121666, -1, PRIME) % PRIME
_SIGN_BIT: Final = 2**255
# The eight points whose order divides 8: the neutral element, (0, -1), two of order 4, four of order 8. The order-8
# ordinates are the solutions of d*y**4 + 2*y**2 = 1.
_Y8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, PRIME - 1, _Y8, PRIME - _Y8})


def is_canonical(point: bytes) -> bool:
    """Tell whether 32 octets hold an ordinate below the prime (RFC 8032 section 5.1.3, step 1)."""
    return _ordinate(point) < PRIME


def has_small_order(point: bytes) -> bool:
    """Tell whether 32 octets encode, in whatever way, a point whose order divides 8."""
    return _ordinate(point) % PRIME in _SMALL_ORDER


def is_on_curve(point: bytes) -> bool:
    """Tell whether some point of the curve has this ordinate (RFC 8032 section 5.1.3, steps 2 and 3)."""
    y = _ordinate(point)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, PRIME) % PRIME
    # Euler's criterion; d is no square, so the denominator is never zero.
    return square == 0 or pow(square, (PRIME - 1) // 2, PRIME) == 1


def _ordinate(point: bytes) -> int:
    # RFC 8032 section 5.1.2: little-endian, the highest bit is the sign of the abscissa.
    return int.from_bytes(point, "little") & (_SIGN_BIT - 1)
