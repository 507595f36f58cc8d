"""The keys of the store, and which of them share a slot.

Redis Cluster hashes only what stands between ``{`` and ``}``, and a script may touch the keys of one slot only. So a
session is alone, a subject's epoch and index are together, the three keys of the feed are together, and nothing spans
two of these groups.
"""

from hashlib import sha256
from typing import Final

from sealring.errors import ConfigurationError
from sealring.stores.redis_rows import encoded

SID_BYTES: Final = 16
_LONGEST_PREFIX: Final = 64


class Names:
    """Names the keys of one store.

    Args:
        prefix: what each key begins with, so that several applications can share a server: 1 to 64 printable ASCII
            characters without braces and spaces.

    Attributes:
        ends: a sorted set: whose session ends when, at the earliest.
        feed: head, log and expiry of the feed.
        wake: a stream of the feed's slot whose newest entry says that there is news; nothing is in it.
        ring: the key ring.
        layout: the version of all this.

    Raises:
        ConfigurationError: the prefix is out of its range.
    """

    def __init__(self, prefix: str) -> None:
        printable = prefix.isascii() and prefix.isprintable() and not set(prefix) & set("{} ")
        if not printable or not 1 <= len(prefix) <= _LONGEST_PREFIX:
            raise ConfigurationError(
                f"the store's prefix is 1 to {_LONGEST_PREFIX} printable ASCII characters without braces and spaces"
            )
        self._prefix = prefix.encode()
        self.ends = self._prefix + b":ends"
        self.feed = tuple(self._prefix + b":{feed}:" + part for part in (b"head", b"log", b"expiry"))
        self.wake = self._prefix + b":{feed}:wake"
        self.ring = self._prefix + b":ring"
        self.layout = self._prefix + b":layout"

    def session(self, sid: bytes) -> bytes:
        """Return the key of a session's row."""
        return self._prefix + b":session:{" + sid.hex().encode() + b"}"

    def epoch(self, digest: bytes) -> bytes:
        """Return the key of a subject's epoch."""
        return self._subject(digest) + b":epoch"

    def index(self, digest: bytes) -> bytes:
        """Return the key of the set of a subject's sessions."""
        return self._subject(digest) + b":sessions"

    def lease(self, name: str) -> bytes:
        """Return the key of a lease."""
        return self._prefix + b":lease:" + name.encode()

    def _subject(self, digest: bytes) -> bytes:
        return self._prefix + b":subject:{" + digest.hex().encode() + b"}"


def digest_of(subject: str) -> bytes:
    """Return 16 bytes that stand for a subject: names of keys hold no personal data, and nothing that could split."""
    return sha256(encoded(subject)).digest()[:16]


def end_member(sid: bytes, digest: bytes) -> bytes:
    """Return the member of ``ends``; it still says whose the session was when the row is gone."""
    return sid + digest


def of_end_member(member: bytes) -> tuple[bytes, bytes]:
    """Return sid and subject digest of a member of ``ends``."""
    return member[:SID_BYTES], member[SID_BYTES:]
