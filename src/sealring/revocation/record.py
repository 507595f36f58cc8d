"""What is denied: one record for the store, the feed and the denylist."""

from dataclasses import dataclass
from enum import StrEnum

# The least epoch of an ended session: no access token reaches it. It fits a signed 64-bit column.
ENDED = 2**62


class DenialKind(StrEnum):
    """What a denial names."""

    SESSION = "session"  # ident is the session id, least_epoch the least ``ep`` still accepted
    TOKEN = "token"  # noqa: S105 - ident is the ``jti`` of one access token
    KEY = "key"  # ident is the ``kid`` of a distrusted key


@dataclass(frozen=True, slots=True)
class Denial:
    """One entry of the feed.

    Attributes:
        kind: what ``ident`` names.
        ident: a session id (hex), a ``jti`` or a ``kid``; never a token.
        least_epoch: for a session: access tokens with a lower ``ep`` are refused; ``ENDED`` refuses all.
        expires_at: seconds since the epoch after which no token that it concerns can be alive.
    """

    kind: DenialKind
    ident: str
    least_epoch: int
    expires_at: float


@dataclass(frozen=True, slots=True)
class FeedPage:
    """News of the feed.

    Attributes:
        cursor: where the next reading begins.
        denials: in the order in which they were committed.
        as_of: seconds since the epoch at which nothing else had been committed after the cursor; default None, the
            moment at which the reading began.
        anew: whether this is the first page of everything because the store may have lost what was read last; default
            False.
    """

    cursor: int
    denials: tuple[Denial, ...]
    as_of: float | None = None
    anew: bool = False
