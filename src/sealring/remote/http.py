"""The one HTTP client of this edge: GET, bounded in time and size, without redirects, cookies, proxies or compression.

It speaks to servers that may be hostile: everything that a body could be is refused before it is kept.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, cast

import httpcore2

from sealring.errors import StoreUnavailable
from sealring.remote.addresses import AddressRule
from sealring.remote.connect import CheckedBackend, Resolver, resolve_by_system

_CONNECT_WITHIN: Final = 3.0
# A feed that is followed holds one; the others are for keys and for a question in between.
_CONNECTIONS: Final = 4
_IDLE_FOR: Final = 30.0


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A complete answer.

    Attributes:
        status: 200 or 304; no other is given back.
        headers: names in lower case; of several lines the last counts.
        body: empty at 304.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Fetches documents from configured servers.

    Args:
        rule: says which addresses may be reached.
        resolve: looks names up; default the system's resolver.
        tls: settings of TLS; default the system's authorities, every name checked.
    """

    def __init__(
        self, rule: AddressRule, *, resolve: Resolver = resolve_by_system, tls: ssl.SSLContext | None = None
    ) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_CONNECTIONS,
            keepalive_expiry=_IDLE_FOR,
            network_backend=CheckedBackend(rule, resolve),
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()

    async def get(
        self, url: str, *, media_types: frozenset[str], limit: int, within: float, headers: Mapping[str, str]
    ) -> HttpAnswer:
        """Fetch one document.

        Args:
            url: checked before.
            media_types: what the document may be; parameters such as a charset are ignored.
            limit: bytes of its body at most; the connection is given up at the first byte more.
            within: seconds for everything together, however slowly the body drips.
            headers: of the request.

        Raises:
            StoreUnavailable: there is no such answer; the sentence says why, and quotes nothing of it.
        """
        async with self.stream(url, media_types=media_types, within=within, headers=headers) as (answer, body):
            if answer.status == 304:
                return answer
            if int(answer.headers.get("content-length", "0") or "0") > limit:
                raise StoreUnavailable(f"the answer of {_host(url)} is larger than {limit} bytes")
            kept = bytearray()
            async for part in body:
                kept += part
                if len(kept) > limit:
                    raise StoreUnavailable(f"the answer of {_host(url)} is larger than {limit} bytes")
            return HttpAnswer(answer.status, answer.headers, bytes(kept))

    @asynccontextmanager
    async def stream(
        self, url: str, *, media_types: frozenset[str], within: float, headers: Mapping[str, str]
    ) -> AsyncIterator[tuple[HttpAnswer, AsyncIterator[bytes]]]:
        """Open an answer whose body is read while it comes; see :meth:`get`.

        Args:
            url: checked before.
            media_types: what the body may be.
            within: seconds for the whole block.
            headers: of the request.

        Raises:
            StoreUnavailable: see :meth:`get`.
        """
        # No part of an answer is decompressed: a few bytes could become any number.
        asked = {"Accept": ", ".join(sorted(media_types)), "Accept-Encoding": "identity", **headers}
        timeouts = {"connect": min(_CONNECT_WITHIN, within), "read": within, "write": within, "pool": within}
        try:
            async with (
                asyncio.timeout(within),
                self._pool.stream("GET", url, headers=[*asked.items()], extensions={"timeout": timeouts}) as response,
            ):
                answer = _accepted(response, media_types, url)
                yield answer, _parts(cast("AsyncIterable[bytes]", response.stream))
        except (TimeoutError, httpcore2.TimeoutException):
            raise StoreUnavailable(f"{_host(url)} did not answer within {within:g} seconds") from None
        except httpcore2.ConnectError as error:
            raise StoreUnavailable(f"{_host(url)} cannot be reached: {_why(error)}") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol, OSError):
            raise StoreUnavailable(f"the connection to {_host(url)} broke") from None


def _accepted(response: httpcore2.Response, media_types: frozenset[str], url: str) -> HttpAnswer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    # RFC 8725bis on fetched keys: what answers is the configured server or nobody, so no redirect is followed.
    if response.status not in {200, 304}:
        raise StoreUnavailable(f"{_host(url)} answered with status {response.status}")
    if response.status == 200:
        if headers.get("content-type", "").partition(";")[0].strip().lower() not in media_types:
            raise StoreUnavailable(f"the answer of {_host(url)} is of another media type than was asked for")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise StoreUnavailable(f"the answer of {_host(url)} is compressed, which was not asked for")
    return HttpAnswer(response.status, headers, b"")


async def _parts(stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for part in stream:
        yield part


def _host(url: str) -> str:
    """Return the server that a URL names, for a sentence; path and query stay out of it."""
    return httpcore2.URL(url).host.decode("ascii", "replace")


def _why(error: httpcore2.ConnectError) -> str:
    # Our own sentences begin so; what the system says may quote a certificate.
    said = str(error)
    if said.startswith("its name"):
        return said
    return "its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in said else "nothing answers there"
