"""The key ring: states, sealing, first start and look-up.

A key is announced, active, retiring, retired or distrusted. The ring is small, is replaced as a whole by
compare-and-swap, and every row of it is authenticated under a key-encryption key that the database never sees.
"""

from sealring.keys.authentic import KeyStatus, RefusedRow
from sealring.keys.port import KeyStore
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.keys.ring import KeyRing
from sealring.keys.wrapping import KeyEncryptionKeys

__all__ = [
    "KeyEncryptionKeys",
    "KeyRing",
    "KeyRow",
    "KeyState",
    "KeyStatus",
    "KeyStore",
    "RefusedRow",
    "RingSnapshot",
]
