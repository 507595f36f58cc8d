"""The key ring: states, schedule, sealing, first start and look-up.

A key is announced, active, retiring, retired or distrusted. The ring is small, is replaced as a whole by
compare-and-swap, and every row of it is authenticated under a key-encryption key that the database never sees.
"""

from sealring.keys.authentic import KeyStatus, RefusedRow
from sealring.keys.plan import Cause
from sealring.keys.port import KeyStore
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.keys.ring import KeyRing
from sealring.keys.schedule import Schedule
from sealring.keys.signer import ExternalKey, ExternalKeys, Signer
from sealring.keys.wrapping import KeyEncryptionKeys

__all__ = [
    "Cause",
    "ExternalKey",
    "ExternalKeys",
    "KeyEncryptionKeys",
    "KeyRing",
    "KeyRow",
    "KeyState",
    "KeyStatus",
    "KeyStore",
    "RefusedRow",
    "RingSnapshot",
    "Schedule",
    "Signer",
]
