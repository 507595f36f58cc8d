"""Clients that refresh without a pause while the server that keeps their sessions is replaced by its replica."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from sealring import SessionTokens
from sealring.errors import SessionRevoked, StoreUnavailable, TokenExpired
from tests.refreshing import refresh_token
from tests.stores.redis_help import until
from tests.support import WEB, Bench

_CLIENTS = 12
_ENDED = 6
# Rotations of each client before, and of each after the failover.
_ROTATIONS = 3


class Client:
    """Refreshes for ever as a browser does: with one attempt until there is an answer."""

    def __init__(self, it: Bench, tokens: SessionTokens) -> None:
        self.it = it
        self.newest = tokens
        self.refresh_token = refresh_token(tokens)
        self.rotations = 0
        self.unavailable = 0

    async def live(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                # In an outage the clock of the test outruns the access token; a browser refreshes without it then.
                with suppress(TokenExpired):
                    await self.it.use(self.newest)
                await self.refresh()
            except StoreUnavailable:
                self.unavailable += 1
                await asyncio.sleep(0.02)

    async def refresh(self) -> None:
        attempt = f"{self.newest.view.row.session_id} {self.rotations}"
        self.newest = await self.it.ring.refresh(self.refresh_token, sender=WEB, attempt=attempt)
        if self.newest.refresh_token is not None:
            self.refresh_token = self.newest.refresh_token
            self.rotations += 1


async def live_through(it: Bench, failure: Callable[[], object], failed_over: Callable[[], Awaitable[bool]]) -> None:
    """Let clients refresh through a failover, and prove that nobody is out and that whoever was ended stays so.

    Args:
        it: the ring on the store.
        failure: brings it about.
        failed_over: tells that another server has taken over.
    """
    clients = [Client(it, await it.login()) for _ in range(_CLIENTS)]
    ended = [await it.login("bob") for _ in range(_ENDED)]
    # Half of them singly and long before; the others together, answered just before the failure.
    for tokens in ended[: _ENDED // 2]:
        await it.ring.end_session("bob", tokens.view.row.session_id)

    async def further(before: dict[Client, int]) -> bool:
        return all(client.rotations >= before.get(client, 0) + _ROTATIONS for client in clients)

    async with _living(it, clients):
        await until(lambda: further({}))
        await it.ring.end_all_sessions("bob")
        failure()
        await until(failed_over)
        before = {client: client.rotations for client in clients}
        await until(lambda: further(before))
    # Seconds had gone by since the logins, so the store has lost none of them; and none of them was ended.
    assert len(await it.ring.sessions("ada")) == _CLIENTS
    assert sum(client.unavailable for client in clients)
    denied = {denial.ident for denial in (await it.ring.store.read_feed(0, 1_000)).denials}
    assert {tokens.view.row.session_id for tokens in ended} <= denied
    for tokens in ended:
        with pytest.raises(SessionRevoked):
            await it.ring.refresh(refresh_token(tokens), sender=WEB)


@asynccontextmanager
async def _living(it: Bench, clients: list[Client]) -> AsyncIterator[None]:
    """Run clients, and a clock on which the grace passes again and again, for the length of a block."""
    stop = asyncio.Event()

    async def tick() -> None:
        while not stop.is_set():
            it.clock.advance(it.ring.policy.sessions.grace.total_seconds() + 1)
            await asyncio.sleep(0.05)

    running = [asyncio.create_task(each) for each in (*(client.live(stop) for client in clients), tick())]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)
