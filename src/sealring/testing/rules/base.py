# ruff: noqa: S101 - these are tests, and their names are sentences
"""What the rules of the store contract have in common."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

import pytest

from sealring.revocation.record import Denial
from sealring.sessions.record import SessionRow
from sealring.stores.base import Store

T = TypeVar("T")

EVERYTHING = 1_000_000
"""A limit that no test reaches."""


class Rules:
    """Base of the rules: a fresh store for each test."""

    pytestmark = pytest.mark.anyio

    def open_store(self) -> AbstractAsyncContextManager[Store]:
        """Return a context manager that gives an open store with nothing in it, another one at each call."""
        raise NotImplementedError("a subclass of StoreContract says how its store is opened")

    @pytest.fixture
    def anyio_backend(self) -> str:
        """Tests run on asyncio, the loop that the stores are made for."""
        return "asyncio"

    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        """Give an open store with nothing in it."""
        async with self.open_store() as store:
            yield store


async def opened(store: Store, row: SessionRow) -> SessionRow:
    """Open a session as it is, which must succeed, and return it."""
    assert await store.open_session(row)
    return row


async def read(store: Store, sid: bytes) -> SessionRow:
    """Return a session that must exist."""
    row = await store.read_session(sid)
    assert row is not None
    return row


async def feed(store: Store) -> tuple[Denial, ...]:
    """Return all denials."""
    return (await store.read_feed(0, EVERYTHING)).denials


async def at_once(times: int, call: Callable[[], Awaitable[T]]) -> list[T]:
    """Make the same call so many times at the same moment and return all answers."""

    async def one() -> T:
        return await call()

    return await asyncio.gather(*(asyncio.ensure_future(one()) for _ in range(times)))
