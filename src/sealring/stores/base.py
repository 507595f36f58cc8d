"""What every store offers: the ports of the rooms above, and a life of its own."""

from types import TracebackType
from typing import Protocol, Self

from sealring.keys.port import KeyStore
from sealring.revocation.port import FeedStore
from sealring.sessions.lease import LeaseStore
from sealring.sessions.port import SessionStore


class Store(SessionStore, LeaseStore, FeedStore, KeyStore, Protocol):
    """A place for sessions, leases, denials and keys.

    Attributes:
        shared: whether several processes can use it at the same time.
        durable: whether it survives a restart.
    """

    shared: bool
    durable: bool

    async def __aenter__(self) -> Self:
        """Open the store and bring its schema to the newest version.

        Raises:
            ConfigurationError: the place cannot be used, or was made by a newer version.
            StoreUnavailable: the place is there but does not answer.
        """
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish what is under way and close."""
        ...

    async def ping(self) -> None:
        """Prove that the store answers.

        Raises:
            StoreUnavailable: it does not.
        """
        ...
