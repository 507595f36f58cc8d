"""Long-lived connections: each is bound to its session and ends with it, from whichever process; never with a token.

Rotation does not touch a connection. What ends it: its session was ended or has expired, its access was revoked, its
account was disabled or has lost a scope, or the key of tokens was distrusted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sealring.access.claims import AccessToken
from sealring.clock import Clock
from sealring.errors import RefusedError, TokenSuperseded
from sealring.events import ConnectionEnded, Emitter
from sealring.revocation.denylist import Denylist
from sealring.revocation.record import Denial, DenialKind

_AT_ONCE: Final = 16


class Connection:
    """One connection, from when it was accepted until it is closed.

    Attributes:
        token: what it was accepted with.
        refusal: why it has to end; None while it may go on.
    """

    def __init__(self, token: AccessToken[Any]) -> None:
        self.token = token
        self.refusal: RefusedError | None = None
        self.check_at: float = token.expires_at
        self._ended = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    async def ended(self) -> RefusedError:
        """Wait until the connection has to end and return why."""
        await self._ended.wait()
        assert self.refusal is not None  # noqa: S101 - set before the event, by the only caller
        return self.refusal

    def on_end(self, listener: Callable[[], None]) -> None:
        """Call a function once when the connection has to end; at once where it has to already."""
        if self.refusal is not None:
            listener()
        else:
            self._listeners.append(listener)

    def end(self, refusal: RefusedError) -> None:
        """Note why the connection has to end; only the first reason counts."""
        if self.refusal is not None:
            return
        self.refusal = refusal
        self._ended.set()
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()


class Connections:
    """The connections of this process.

    Args:
        denylist: of this process; its news end connections at once.
        refuse: raises where a verified token was denied since.
        end_of: asks store and application about the session of a token; returns when it ends, raises where it has.
        recheck_every: seconds after which a connection asks again, though its session has not ended by then.
        clock: tells the time.
        emitter: hears of every connection that is ended.
    """

    def __init__(
        self,
        *,
        denylist: Denylist,
        refuse: Callable[[AccessToken[Any]], None],
        end_of: Callable[[AccessToken[Any]], Awaitable[float]],
        recheck_every: float,
        clock: Clock,
        emitter: Emitter,
    ) -> None:
        self._refuse = refuse
        self._end_of = end_of
        self._recheck_every = recheck_every
        self._clock = clock
        self._emitter = emitter
        self._by_session: defaultdict[str, set[Connection]] = defaultdict(set)
        denylist.subscribe(self._hear)

    def __len__(self) -> int:
        """Return how many connections are open."""
        return sum(map(len, self._by_session.values()))

    @contextmanager
    def bind(self, token: AccessToken[Any]) -> Iterator[Connection]:
        """Bind a connection to the session of a token, for as long as the ``with`` block runs.

        Args:
            token: a verified access token.

        Raises:
            RefusedError: it was denied since it was verified.
        """
        self._refuse(token)
        connection = Connection(token)
        connections = self._by_session[token.session_id]
        connections.add(connection)
        try:
            yield connection
        finally:
            connections.discard(connection)
            if not connections:
                self._by_session.pop(token.session_id, None)

    async def look(self) -> int:
        """Ask about every connection whose time has come, and end those whose session has.

        A store that does not answer ends those as well, with ``store_unavailable``: whoever comes back with a token
        that still holds is served, and nobody stays on a session that nobody can ask about.

        Returns:
            How many were ended.
        """
        now = self._clock.now()
        due = [connection for connection in self._all() if connection.check_at <= now]
        ended = 0
        for start in range(0, len(due), _AT_ONCE):
            results = await asyncio.gather(*map(self._look_at, due[start : start + _AT_ONCE]))
            ended += sum(results)
        return ended

    async def _look_at(self, connection: Connection) -> bool:
        try:
            end = await self._end_of(connection.token)
        except RefusedError as refusal:
            self._end(connection, refusal)
            return True
        connection.check_at = min(end, self._clock.now() + self._recheck_every)
        return False

    def _hear(self, denial: Denial) -> None:
        if denial.kind is DenialKind.KEY:
            # Whoever holds the key may have made the token of any of them; the others come back after a refresh.
            for connection in self._all():
                self._end(connection, TokenSuperseded("a key was distrusted"))
            return
        found = tuple(self._by_session.get(denial.ident, ())) if denial.kind is DenialKind.SESSION else self._all()
        for connection in found:
            try:
                self._refuse(connection.token)
            except RefusedError as refusal:
                self._end(connection, refusal)

    def _all(self) -> tuple[Connection, ...]:
        return tuple(connection for group in self._by_session.values() for connection in group)

    def _end(self, connection: Connection, refusal: RefusedError) -> None:
        if connection.refusal is None:
            connection.end(refusal)
            self._emitter.emit(ConnectionEnded(session_id=connection.token.session_id, code=refusal.code))
