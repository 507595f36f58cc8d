"""Ids of accounts and todos: UUIDs of version 7, so that rows lie in the index in the order in which they were made."""

import secrets
from collections.abc import Callable


def new_id(now: float, entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """Make an id.

    Args:
        now: seconds since the epoch.
        entropy: returns that many random bytes; 74 bits of it are used.

    Returns:
        32 lowercase hex characters.
    """
    # RFC 9562 section 5.7: 48 bits of Unix time in milliseconds, version 0b0111, 12 random bits, variant 0b10,
    # 62 random bits.
    milliseconds = int(now * 1_000) & 0xFFFF_FFFF_FFFF
    noise = int.from_bytes(entropy(10), "big")
    high = (milliseconds << 16) | (0x7 << 12) | (noise >> 68)
    low = (0b10 << 62) | (noise & 0x3FFF_FFFF_FFFF_FFFF)
    return f"{high:016x}{low:016x}"
