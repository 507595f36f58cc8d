"""The URL of the Redis store: what is ours in it, and what is the driver's."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from redis.asyncio.connection import AbstractConnection, ConnectionPool

from sealring.errors import ConfigurationError
from sealring.stores.redis_cluster import Cluster
from sealring.stores.redis_connect import Address, Connect, connected
from sealring.stores.redis_lane import Lane
from sealring.stores.redis_link import Link
from sealring.stores.redis_sentinel import Sentinels
from sealring.stores.redis_slots import Slots

FORMS: Final = (
    "redis://user:password@host:port/0, redis+sentinel://user:password@host:port,host:port/service/0 or "
    "redis+cluster://user:password@host:port,host:port, each with rediss for TLS"
)

_OURS: Final[dict[str, Callable[[str], Any]]] = {
    "timeout": float,
    "keep_ended": float,
    "prefix": str,
    "wait_replicas": int,
    "wait_within": float,
    "sentinel_username": str,
    "sentinel_password": str,
}
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379


@dataclass(frozen=True, slots=True)
class _Parts:
    """What stands where in a URL.

    Attributes:
        scheme: ``redis``, or ``rediss`` for TLS.
        kind: empty for one server, ``sentinel`` or ``cluster``.
        user: user name and password as they stand there, with their ``@``.
        addresses: of the server, of the sentinels, or of nodes to begin with.
        path: its parts.
        options: those of the driver.
    """

    scheme: str
    kind: str
    user: str
    addresses: tuple[Address, ...]
    path: tuple[str, ...]
    options: str


class RedisUrl:
    """A URL that has been read; nothing is connected yet.

    Args:
        url: in one of the forms of :data:`FORMS`, with options in its query.

    Attributes:
        options: our own that stood in its query.
        cluster: whether it names a cluster.
        addresses: of the server, of the sentinels, or of nodes of the cluster to begin with.
        service: the name under which the sentinels watch over the primary; empty without sentinels.
        database: the number of the database.

    Raises:
        ConfigurationError: it cannot be read; the sentence does not hold it.
    """

    def __init__(self, url: str) -> None:
        base, _, query = url.partition("?")
        self.options, others = _options(query)
        try:
            self._parts = _parts(base, urlencode(others))
            self.cluster = self._parts.kind == "cluster"
            self.addresses = self._parts.addresses
            self.service, self.database = _service_and_database(self._parts)
            self._pool(1.0).make_connection()  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, OSError):
            # Not the driver's sentence: it may quote a part of the URL.
            raise ConfigurationError(f"the store's URL cannot be read: {FORMS}") from None

    def links(self, *, timeout: float, capacity: int) -> tuple[Link, Link]:
        """Return two independent ways to the server or the cluster.

        Args:
            timeout: seconds that a connection and an operation may take.
            capacity: operations that may wait on each connection.
        """
        pool = self._pool(timeout)
        to_server = partial(_made, pool, {})
        lane = partial(Lane, timeout=timeout, capacity=capacity)
        addresses = self.addresses
        if self.cluster:
            slots = Slots(addresses, to_server=to_server, timeout=timeout)

            def to_node(address: Address) -> Lane:
                return lane(_connect(to_server, address))

            return Cluster(slots, to_node, timeout=timeout), Cluster(slots, to_node, timeout=timeout)
        if self._parts.kind == "sentinel":
            to_sentinel = partial(
                _made,
                pool,
                {
                    "db": 0,
                    "username": self.options.get("sentinel_username"),
                    "password": self.options.get("sentinel_password"),
                },
            )
            first, second = (
                Sentinels(addresses, self.service, to_sentinel=to_sentinel, to_server=to_server, timeout=timeout)
                for _ in range(2)
            )
            return lane(first.connect), lane(second.connect)
        return lane(_connect(to_server, addresses[0])), lane(_connect(to_server, addresses[0]))

    def _pool(self, timeout: float) -> ConnectionPool:
        """Return how the driver understands all of it but the addresses; nothing is ever taken from this pool."""
        parts = self._parts
        return ConnectionPool.from_url(
            f"{parts.scheme}://{parts.user}host/{self.database}?{parts.options}",
            # Replies are what scripts return; the newer protocol has nothing that is needed for that.
            protocol=2,
            decode_responses=False,
            client_name="sealring",
            # Whoever asks has a time limit for all of it; one for each reading and writing would cost a task each.
            socket_timeout=None,
            socket_connect_timeout=timeout,
        )


def _made(pool: ConnectionPool, instead: dict[str, Any], address: Address) -> AbstractConnection:
    host, port = address
    made: AbstractConnection = pool.connection_class(
        **{**pool.connection_kwargs, "host": host, "port": port, **instead}
    )
    return made


def _connect(make: Callable[[Address], AbstractConnection], address: Address) -> Connect:
    async def connect() -> AbstractConnection:
        return await connected(make(address))

    return connect


def _options(query: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return our own options and those of the driver."""
    ours: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OURS:
            others.append((name, value))
            continue
        try:
            ours[name] = _OURS[name](value)
        except ValueError:
            raise ConfigurationError(f"{name} in the store's URL must be a number") from None
    return ours, others


def _parts(base: str, options: str) -> _Parts:
    scheme, _, rest = base.partition("://")
    scheme, _, kind = scheme.partition("+")
    place, _, path = rest.partition("/")
    user, at, hosts = place.rpartition("@")
    port = _SENTINEL_PORT if kind == "sentinel" else _PORT
    addresses = tuple(_address(host, port) for host in hosts.split(","))
    if scheme not in {"redis", "rediss"} or kind not in {"", "sentinel", "cluster"} or "#" in base:
        raise ValueError
    if not kind and len(addresses) > 1:
        raise ValueError
    return _Parts(scheme, kind, user + at, addresses, tuple(part for part in path.split("/") if part), options)


def _address(text: str, port: int) -> Address:
    split = urlsplit(f"//{text}")
    if not split.hostname or split.username or split.path or split.query:
        raise ValueError
    return split.hostname, split.port or port


def _service_and_database(parts: _Parts) -> tuple[str, int]:
    path = list(parts.path)
    if parts.kind == "sentinel" and not path:
        raise ValueError
    service = unquote(path.pop(0)) if parts.kind == "sentinel" else ""
    database = int(path.pop(0)) if path else 0
    if path or database < 0 or (parts.kind == "cluster" and database):
        raise ValueError
    return service, database
