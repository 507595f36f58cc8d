"""Live lists: they stop when they are told to, whatever has just happened."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from backend.db import Database
from backend.live import LiveLists
from backend.migrate import migrate

pytestmark = pytest.mark.anyio


async def test_they_stop_although_a_list_has_changed_at_that_very_moment(tmp_path: Path) -> None:
    database = Database(tmp_path / "todo.db", patience=timedelta(seconds=30))
    try:
        await migrate(database)
        lists = LiveLists(database)
        for turns in range(5):
            async with asyncio.timeout(30), lists.running():
                for _ in range(turns):
                    await asyncio.sleep(0)
                lists.changed()
    finally:
        await database.close()
