"""Opening the file of the SQLite store: a bad place is one clear sentence at start-up."""

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.stores import SqliteStore
from sealring.stores.sqlite_files import open_writer
from sealring.stores.sqlite_schema import APPLICATION_ID, MIGRATIONS
from sealring.testing import NOW, make_denial, make_rotation, make_row

pytestmark = pytest.mark.anyio


async def refused(path: Path) -> str:
    """Return the sentence with which a start on this path is refused."""
    with pytest.raises(ConfigurationError) as error:
        async with SqliteStore(path):
            pass
    assert str(path.parent) in error.value.detail
    return error.value.detail


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection of somebody else on the file that the test opens."""
    with closing(sqlite3.connect(tmp_path / "file", isolation_level=None)) as connection:
        yield connection


def _modes(folder: Path) -> dict[str, int]:
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}


async def test_the_file_is_created_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with SqliteStore(tmp_path / "file") as store:
            await store.open_session(make_row())
            modes = _modes(tmp_path)
    finally:
        os.umask(before)
    assert modes == {"file": 0o600, "file-wal": 0o600, "file-shm": 0o600}


async def test_a_commit_is_durable_and_readers_do_not_block_writers(tmp_path: Path) -> None:
    with closing(open_writer(tmp_path / "file", 1.0)) as connection:

        def pragma(name: str) -> object:
            return connection.execute(f"PRAGMA {name}").fetchone()[0]

        assert (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")) == ("wal", 2, 1)
        assert (pragma("application_id"), pragma("user_version")) == (APPLICATION_ID, len(MIGRATIONS))
        assert pragma("busy_timeout") == 1_000


async def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    row, other, denial = make_row(), make_row(subject="bob"), make_denial()
    async with SqliteStore(tmp_path / "file") as store:
        await store.open_session(row)
        await store.open_session(other)
        rotated = await store.rotate(make_rotation(row))
        await store.end_subject("bob", None, "logout_all", NOW, NOW + 900)
        await store.write_denial(denial)
        head = (await store.read_feed(0, 100)).cursor
    assert _modes(tmp_path) == {"file": 0o600}
    async with SqliteStore(tmp_path / "file") as store:
        assert await store.read_session(row.sid) == rotated
        assert await store.subject_epoch("bob") == NOW * 1000
        assert [each.ident for each in (await store.read_feed(0, 100)).denials] == [other.session_id, denial.ident]
        assert (await store.read_feed(head, 100)).denials == ()


async def test_one_store_can_be_opened_again_after_it_was_closed(tmp_path: Path) -> None:
    store, row = SqliteStore(tmp_path / "file"), make_row()
    async with store:
        await store.open_session(row)
    async with store:
        assert await store.read_session(row.sid) == row


async def test_a_store_that_is_open_is_not_opened_again(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "file") as store:
        with pytest.raises(ConfigurationError, match="open already"):
            await store.__aenter__()
        await store.ping()


async def test_a_store_that_is_not_open_is_unavailable(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "file")
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.ping()
    async with store:
        pass
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.read_session(b"")


async def test_a_store_belongs_to_the_event_loop_that_opened_it(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "file") as store:

        def in_another_loop() -> None:
            with pytest.raises(ConfigurationError, match="another event loop"):
                asyncio.run(store.ping())

        await asyncio.to_thread(in_another_loop)


@pytest.mark.parametrize("turns", range(6))
async def test_an_opening_that_is_cancelled_leaves_no_thread_and_can_be_repeated(tmp_path: Path, turns: int) -> None:
    store = SqliteStore(tmp_path / "file")
    opening = asyncio.create_task(store.__aenter__())
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    try:
        await opening
    except asyncio.CancelledError:
        pass
    else:
        await store.__aexit__(None, None, None)
    assert _threads_of_stores() == []
    async with store:
        await store.ping()
        assert len(_threads_of_stores()) == 2
    assert _threads_of_stores() == []


async def test_an_opening_that_is_refused_leaves_no_thread(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"no database" * 100)
    await refused(tmp_path / "file")
    assert _threads_of_stores() == []


def _threads_of_stores() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("sealring-sqlite")]


async def test_a_relative_path_does_not_follow_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = SqliteStore("file")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with store:
        assert store.path == tmp_path / "file"
        assert store.path.exists()


async def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    assert f"the directory {tmp_path / 'missing'} does not exist: create it" in await refused(
        tmp_path / "missing" / "file"
    )


async def test_a_directory_is_no_file(tmp_path: Path) -> None:
    assert "is a directory" in await refused(tmp_path)


async def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be created (Not a directory)" in await refused(tmp_path / "file" / "sessions.db")


@pytest.mark.parametrize(
    "content", [b"# a text file, much longer than a header\n" * 30, b"SQLite format 3\0" + b"x" * 984]
)
async def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    sentence = await refused(tmp_path / "file")
    assert "is not an SQLite database" in sentence
    assert "restore the file from a backup" in sentence
    assert (tmp_path / "file").read_bytes() == content


async def test_the_database_of_another_program_is_refused_and_left_as_it_is(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    database.execute("CREATE TABLE todo (id INTEGER)")
    before = (tmp_path / "file").read_bytes()
    assert "is the database of another program: give the session store a file of its own" in await refused(
        tmp_path / "file"
    )
    assert (tmp_path / "file").read_bytes() == before


async def test_a_database_that_another_program_has_marked_is_refused(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    database.execute("PRAGMA application_id = 252006674")
    assert "another program" in await refused(tmp_path / "file")


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    async with SqliteStore(tmp_path / "file"):
        pass
    database.execute("PRAGMA user_version = 99")
    sentence = await refused(tmp_path / "file")
    assert f"its schema is version 99, this one knows versions up to {len(MIGRATIONS)}" in sentence
    assert "upgrade sealring" in sentence
    assert database.execute("PRAGMA user_version").fetchone() == (99,)


async def test_an_empty_file_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    async with SqliteStore(tmp_path / "file") as store:
        await store.ping()


async def test_a_file_that_stays_locked_at_the_start_is_unavailable(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    database.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match=r"held by another process for 0\.1 seconds"):
        async with SqliteStore(tmp_path / "file", timeout=0.1):
            pass
    database.execute("ROLLBACK")
    async with SqliteStore(tmp_path / "file") as store:
        await store.ping()


async def test_a_file_that_stays_locked_later_is_unavailable_for_writing_only(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    async with SqliteStore(tmp_path / "file", timeout=0.2) as store:
        row = make_row()
        await store.open_session(row)
        database.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable) as error:
            await store.rotate(make_rotation(row))
        assert error.value.retry_after == 1
        assert await store.read_session(row.sid) == row
        with pytest.raises(StoreUnavailable):
            await store.ping()
        database.execute("ROLLBACK")
        assert await store.rotate(make_rotation(row)) is not None
        await store.ping()


async def test_a_file_that_was_removed_while_it_is_open_is_noticed(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "file") as store:
        (tmp_path / "file").unlink()
        with pytest.raises(StoreUnavailable, match="was removed or replaced"):
            await store.ping()


async def test_a_damaged_file_is_never_anything_but_an_error_of_ours(tmp_path: Path) -> None:
    rows = [make_row() for _ in range(200)]
    async with SqliteStore(tmp_path / "file") as store:
        for row in rows:
            await store.open_session(row)
    content = bytearray((tmp_path / "file").read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    (tmp_path / "file").write_bytes(content)

    async def read_all() -> None:
        async with SqliteStore(tmp_path / "file") as store:
            for row in rows:
                await store.read_session(row.sid)

    with pytest.raises((StoreUnavailable, ConfigurationError)):
        await read_all()


@pytest.mark.parametrize("timeout", [0.0, -1.0, 61.0, float("nan")])
def test_a_timeout_out_of_range_is_refused(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout must be above 0 and at most 60 seconds"):
        SqliteStore("file", timeout=timeout)


def test_a_capacity_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="capacity"):
        SqliteStore("file", capacity=0)
