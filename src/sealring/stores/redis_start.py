"""What has to be true of a server before sessions are trusted to it."""

from typing import Any, Final

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.stores.redis_link import Asking, Server
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import command

LAYOUT: Final = 1
"""The version of keys and fields that this package writes."""

_LEAST_VERSION: Final = (6, 2)


async def check(asking: Asking, names: Names, *, cluster: bool) -> bool:
    """Refuse a server, or a cluster one of whose nodes cannot keep sessions, and note the layout.

    Returns:
        Whether this call has noted it.

    Raises:
        ConfigurationError: it is too old, evicts keys, is a part of a cluster, or a newer version wrote to it.
        StoreUnavailable: it does not answer, or is a replica at the moment.
    """
    for reply in await asking.everywhere(command("INFO")):
        _check_server(_facts(reply), cluster=cluster)
    noted = await asking.run(command("SET", names.layout, LAYOUT, "NX"))
    await layout(asking, names)
    return noted is not None


async def layout(server: Server, names: Names) -> int:
    """Return the version of keys and fields that a server has; 0 where there are none.

    Raises:
        ConfigurationError: a newer version wrote to it.
    """
    found = int(await server.run(command("GET", names.layout)) or 0)
    if found > LAYOUT:
        raise ConfigurationError(
            f"a newer version of sealring wrote to this Redis server (layout {found}, this one knows up to {LAYOUT}): "
            "upgrade sealring, or choose another prefix"
        )
    return found


def _check_server(facts: dict[str, str], *, cluster: bool) -> None:
    version = tuple(int(part) for part in str(facts.get("redis_version", "0.0")).split(".")[:2])
    if version < _LEAST_VERSION:
        raise ConfigurationError("the Redis server is too old: use Redis 6.2 or newer, or any version of Valkey")
    if facts.get("cluster_enabled") == "1" and not cluster:
        raise ConfigurationError("the Redis server is a node of a cluster: name it by redis+cluster://")
    # A denial that was evicted is a revoked token that is accepted again, and a session that was evicted is a user who
    # was logged out. Without a limit nothing is ever evicted, whatever the policy.
    if facts.get("maxmemory", "0") != "0" and facts.get("maxmemory_policy") != "noeviction":
        raise ConfigurationError(
            "the Redis server throws keys away when its memory is full (its maxmemory-policy is "
            f"{facts.get('maxmemory_policy')}): sessions and denials need maxmemory-policy noeviction"
        )
    if facts.get("role") == "slave":
        raise StoreUnavailable("the Redis server is a replica at the moment")


def _facts(reply: Any) -> dict[str, str]:  # noqa: ANN401 - a reply has many types
    """Return the fields that INFO answered."""
    lines = bytes(reply).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)
