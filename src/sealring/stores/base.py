"""What every store offers: the ports of the rooms above, and a life of its own."""

from types import TracebackType
from typing import Protocol, Self

from sealring.keys.port import KeyStore
from sealring.revocation.port import FeedStore
from sealring.sessions.lease import LeaseStore
from sealring.sessions.port import SessionStore
from sealring.stores.schema import SchemaState


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

    async def migrate(self, *, look_only: bool = False) -> SchemaState:
        """Bring the schema of a store that is not open to the newest version; opening it does the same.

        Several processes may do so at the same time: each step is done once.

        Args:
            look_only: change nothing and only tell how it stands.

        Raises:
            ConfigurationError: the place cannot be used, or was made by a newer version.
            StoreUnavailable: the place is there but does not answer.
        """
        ...

    async def ping(self) -> None:
        """Prove that the store answers.

        Raises:
            StoreUnavailable: it does not.
        """
        ...
