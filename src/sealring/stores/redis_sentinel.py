"""Finds the primary that Sentinel watches over, again for each new connection.

The order is that of the guide for clients of Sentinel: ask the sentinels one behind the other, connect to what the
first one answers, and ask that server itself whether it is a primary, because a sentinel may be behind.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import AuthenticationError, AuthenticationWrongNumberOfArgsError, NoPermissionError

from sealring.errors import StoreUnavailable
from sealring.stores.redis_connect import Address, asked, asked_once, connected, left
from sealring.stores.redis_errors import SentinelRefusesError, UnknownServiceError, as_store_error

_REFUSED: Final = (AuthenticationError, AuthenticationWrongNumberOfArgsError, NoPermissionError)

Make = Callable[[Address], AbstractConnection]
"""Makes a connection to an address, not yet connected."""


class Sentinels:
    """Connects to the primary of one service.

    Args:
        addresses: of the sentinels; not all of them have to answer.
        service: the name under which they watch over the primary.
        to_sentinel: makes a connection to a sentinel.
        to_server: makes a connection to a server.
        timeout: seconds that all sentinels together may take to answer.
    """

    def __init__(
        self, addresses: Sequence[Address], service: str, *, to_sentinel: Make, to_server: Make, timeout: float
    ) -> None:
        self._addresses = list(addresses)
        self._service = service
        self._to_sentinel = to_sentinel
        self._to_server = to_server
        # A sentinel that hangs leaves time for the others, and for the server.
        self._patience = timeout / (len(self._addresses) + 1)

    async def connect(self) -> AbstractConnection:
        """Return a connection to the primary of this moment.

        Raises:
            StoreUnavailable: no sentinel names one, or what they name is none (any more).
        """
        connection = await connected(self._to_server(await self._primary()))
        try:
            role = await asked(connection, "ROLE")
            if role[0] != b"master":
                raise StoreUnavailable("the server that the sentinels name as primary is none at the moment")
        except BaseException:
            await left(connection)
            raise
        return connection

    async def _primary(self) -> Address:
        failures: list[Exception] = []
        for address in tuple(self._addresses):
            try:
                async with asyncio.timeout(self._patience):
                    found = await asked_once(
                        self._to_sentinel(address), "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service
                    )
            except Exception as error:  # noqa: BLE001 - whatever it is, another sentinel is asked
                failures.append(error)
                continue
            if found is None:
                failures.append(UnknownServiceError())
                continue
            # Who answered is asked first the next time.
            self._addresses.remove(address)
            self._addresses.insert(0, address)
            host, port = found
            return host.decode(), int(port)
        raise _most_telling(failures)


def _most_telling(failures: Sequence[Exception]) -> Exception:
    """Return what to raise when no sentinel has named a primary: what a person can mend comes first."""
    unavailable = StoreUnavailable("no sentinel of those in the store's URL names a primary")
    causes = [error.__cause__ if isinstance(error, StoreUnavailable) else error for error in failures]
    if any(isinstance(cause, UnknownServiceError) for cause in causes):
        unavailable.__cause__ = UnknownServiceError()
    elif any(isinstance(cause, _REFUSED) for cause in causes):
        unavailable.__cause__ = SentinelRefusesError()
    else:
        unavailable.__cause__ = as_store_error(failures[-1]).__cause__
    return unavailable
