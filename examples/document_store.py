"""A store of one's own: each thing a JSON document in a table, each method one transaction.

It stands for any database that reads, decides and writes in one transaction. docs/stores/authors.md explains it, and
runs the contract on it.
"""

import asyncio
import json
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sealring.errors import InternalError, StoreUnavailable
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.revocation.record import ENDED, Denial, DenialKind, FeedPage
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores.schema import SchemaState
from sealring.stores.transitions import confirmed, ended_at, next_epoch, rotated, swapped

_TABLES = """
    CREATE TABLE IF NOT EXISTS document (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key));
    CREATE TABLE IF NOT EXISTS feed (cursor INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
"""


class DocumentStore:
    """Keeps everything in one file, for one process.

    Args:
        path: the file; ``:memory:`` for none.
    """

    shared = False
    durable = True

    def __init__(self, path: Path | str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._watches: set[asyncio.Event] = set()

    # Its life

    async def __aenter__(self) -> Self:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_TABLES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def migrate(self, *, look_only: bool = False) -> SchemaState:
        return SchemaState(1, 1)

    async def ping(self) -> None:
        self._get("ping", "ping")

    # Documents. No method of this class awaits anything within a transaction, so none can be cut off in the middle.

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailable(f"the file cannot be written ({type(error).__name__})") from error
            raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreUnavailable("the store is not open")
        return self._connection

    def _get(self, kind: str, key: str) -> Any:  # noqa: ANN401 - what a document holds
        found = self._open().execute("SELECT body FROM document WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return json.loads(found[0]) if found else None

    def _all(self, kind: str) -> list[tuple[str, Any]]:
        rows = self._open().execute("SELECT key, body FROM document WHERE kind = ?", (kind,)).fetchall()
        return [(key, json.loads(body)) for key, body in rows]

    def _put(self, kind: str, key: str, body: object) -> None:
        # A string without a UTF-8 form cannot be stored: the port wants an InternalError for that, not a crash.
        try:
            text = json.dumps(body, ensure_ascii=False)
            self._open().execute("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", (kind, key, text))
        except UnicodeEncodeError:
            raise InternalError("the file cannot hold what it was given") from None

    def _drop(self, kind: str, key: str) -> None:
        self._open().execute("DELETE FROM document WHERE kind = ? AND key = ?", (kind, key))

    def _session(self, sid: bytes) -> SessionRow | None:
        body = self._get("session", sid.hex())
        return None if body is None else _session_of(body)

    def _sessions(self) -> list[SessionRow]:
        return [_session_of(body) for _, body in self._all("session")]

    def _keep(self, row: SessionRow) -> SessionRow:
        body = asdict(row) | {"sid": row.sid.hex(), "secret_hash": row.secret_hash.hex()}
        self._put("session", row.sid.hex(), body)
        return row

    # Sessions

    async def subject_epoch(self, subject: str) -> int:
        return int((self._get("epoch", subject) or [0])[0])

    async def open_session(self, row: SessionRow) -> bool:
        with self._transaction():
            epoch, _ = self._get("epoch", row.subject) or (0, 0.0)
            if epoch not in {0, row.subject_epoch}:
                return False
            if self._session(row.sid) is not None:
                raise InternalError("a session with this id exists already")
            self._keep(row)
        return True

    async def read_session(self, sid: bytes) -> SessionRow | None:
        return self._session(sid)

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        found = [row for row in self._sessions() if row.subject == subject and row.revoked_at is None]
        return tuple(sorted(found, key=lambda row: (row.created_at, row.sid)))

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        with self._transaction():
            row = self._session(rotation.sid)
            after = row and rotated(row, rotation)
            return after and self._keep(after)

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        with self._transaction():
            row = self._session(before.sid)
            wanted = row and swapped(row, before, after)
            return bool(wanted and self._keep(wanted))

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        with self._transaction():
            for seen in confirmations:
                if row := self._session(seen.sid):
                    self._keep(confirmed(row, seen))

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        with self._transaction():
            row = self._session(sid)
            return self._end(row, reason, now, deny_until) if row and row.revoked_at is None else None

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        with self._transaction():
            epoch, raised_at = self._get("epoch", subject) or (0, now)
            self._put("epoch", subject, [next_epoch(epoch, now), max(raised_at, now)])
            condemned = [row for row in await self.list_sessions(subject) if row.sid != keep]
            return tuple(self._end(row, reason, now, deny_until) for row in condemned)

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        with self._transaction():
            row = self._session(sid)
            if row is None or row.revoked_at is not None:
                return None
            self._append(Denial(DenialKind.SESSION, row.session_id, row.ep + 1, deny_until))
            return self._keep(replace(row, ep=row.ep + 1))

    def _end(self, row: SessionRow, reason: str, now: float, deny_until: float) -> SessionRow:
        # Denial and row in one transaction: no revoked session is ever without its denial.
        self._append(Denial(DenialKind.SESSION, row.session_id, ENDED, deny_until))
        return self._keep(replace(row, revoked_at=now, revoked_reason=reason))

    # Purging

    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        with self._transaction():
            due = [row.sid for row in self._sessions() if ended_at(row) < ended_before][: max(0, limit)]
            for sid in due:
                self._drop("session", sid.hex())
        return len(due)

    async def purge_subjects(self, unused_since: float, limit: int) -> int:
        with self._transaction():
            due = [key for key, (_, raised_at) in self._all("epoch") if raised_at < unused_since][: max(0, limit)]
            for key in due:
                self._drop("epoch", key)
        return len(due)

    async def count_due(self, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
        most = max(0, limit)
        return PurgeCounts(
            sessions=min(most, sum(ended_at(row) < ended_before for row in self._sessions())),
            denials=min(most, sum(denial.expires_at <= spent_at for _, denial in self._feed_after(0))),
            subjects=min(most, sum(raised_at < ended_before for _, (_, raised_at) in self._all("epoch"))),
        )

    # Leases

    async def take_lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        with self._transaction():
            held_by, until = self._get("lease", name) or (holder, 0.0)
            # One that seems to be held for very long was taken by a clock that was wrong.
            if held_by != holder and now < until <= now + 2 * seconds:
                return False
            self._put("lease", name, [holder, now + seconds])
        return True

    async def leave_lease(self, name: str, holder: str) -> None:
        with self._transaction():
            if (self._get("lease", name) or [None])[0] == holder:
                self._drop("lease", name)

    # Feed

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        (head,) = self._open().execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
        # A cursor that this file has never given: it was replaced by an older one.
        anew = after > head
        start = 0 if anew else after
        page = self._feed_after(start)[: max(0, limit)]
        return FeedPage(page[-1][0] if page else start, tuple(denial for _, denial in page), anew=anew)

    async def watch_feed(self) -> AsyncGenerator[None, None]:
        news = asyncio.Event()
        self._watches.add(news)
        try:
            while True:
                yield
                await news.wait()
                news.clear()
        finally:
            self._watches.discard(news)

    async def write_denial(self, denial: Denial) -> None:
        with self._transaction():
            self._append(denial)

    async def purge_denials(self, now: float, limit: int) -> int:
        with self._transaction():
            due = [cursor for cursor, denial in self._feed_after(0) if denial.expires_at <= now][: max(0, limit)]
            self._open().executemany("DELETE FROM feed WHERE cursor = ?", [(cursor,) for cursor in due])
        return len(due)

    def _append(self, denial: Denial) -> None:
        self._open().execute("INSERT INTO feed (body) VALUES (?)", (json.dumps(asdict(denial)),))
        for news in self._watches:
            news.set()

    def _feed_after(self, cursor: int) -> list[tuple[int, Denial]]:
        rows = self._open().execute("SELECT cursor, body FROM feed WHERE cursor > ? ORDER BY cursor", (cursor,))
        return [(number, _denial_of(json.loads(body))) for number, body in rows]

    # Keys

    async def load_ring(self) -> RingSnapshot:
        ring = self._get("ring", "ring") or {"revision": 0, "rows": []}
        return RingSnapshot(ring["revision"], tuple(_key_of(body) for body in ring["rows"]))

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        with self._transaction():
            if (await self.load_ring()).revision != expected_revision:
                return False
            bodies = [asdict(row) | {"wrapped": b64encode(row.wrapped).decode()} for row in rows]
            self._put("ring", "ring", {"revision": expected_revision + 1, "rows": bodies})
        return True


def _session_of(body: dict[str, Any]) -> SessionRow:
    changed: dict[str, Any] = {"sid": bytes.fromhex(body["sid"]), "secret_hash": bytes.fromhex(body["secret_hash"])}
    return SessionRow(**body | changed)


def _denial_of(body: dict[str, Any]) -> Denial:
    changed: dict[str, Any] = {"kind": DenialKind(body["kind"])}
    return Denial(**body | changed)


def _key_of(body: dict[str, Any]) -> KeyRow:
    changed: dict[str, Any] = {"state": KeyState(body["state"]), "wrapped": b64decode(body["wrapped"])}
    return KeyRow(**body | changed)
