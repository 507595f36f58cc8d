"""Connects only to addresses that were checked: a name is resolved once, and what was judged is what is dialled.

A name server that answers with a public address first and with a private one a moment later (DNS rebinding) gains
nothing: there is no second look-up between the check and the connection.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, cast

import httpcore2

from sealring.remote.addresses import AddressRule

Resolver = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""Returns the addresses of a host name for a port, best first; raises ``OSError`` where there are none."""

# More than these are not tried: a name with hundreds of addresses must not turn one request into a scan.
_MOST_ADDRESSES: Final = 4


async def resolve_by_system(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for the HTTP client.

    Args:
        rule: says which addresses may be reached.
        resolve: looks names up.
    """

    def __init__(self, rule: AddressRule, resolve: Resolver = resolve_by_system) -> None:
        self._rule = rule
        self._resolve = resolve
        self._inner = cast("httpcore2.AsyncNetworkBackend", httpcore2.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first allowed address that answers.

        Raises:
            ConnectError: the name has no address, none that may be reached, or none answers.
            ConnectTimeout: the last one did not answer in time.
        """
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("its name cannot be resolved") from None
        allowed = [address for address in addresses if self._rule.allows(address)][:_MOST_ADDRESSES]
        if not allowed:
            raise httpcore2.ConnectError("its name leads to no address that may be reached")
        for address in allowed[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(allowed[-1], port, timeout, local_address, socket_options)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of the library
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Refuse: nothing here speaks to a local socket."""
        raise httpcore2.ConnectError("local sockets are not reached")

    async def sleep(self, seconds: float) -> None:
        """Wait; the library asks for it between tries of its own."""
        await self._inner.sleep(seconds)
