"""Stores by URL."""

from pathlib import Path

import pytest

from sealring.errors import ConfigurationError
from sealring.stores import MemoryStore, SqliteStore, open_store


def test_memory_is_the_store_in_memory() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/todo/sessions.db", "/var/lib/todo/sessions.db"),
        ("sqlite:///sessions.db", "{here}/sessions.db"),
        ("sqlite:///data/sessions.db", "{here}/data/sessions.db"),
        ("sqlite:////with a space/and%20an escape.db", "/with a space/and%20an escape.db"),
    ],
)
def test_sqlite_takes_the_path_as_it_is(url: str, path: str) -> None:
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    assert str(store.path) == path.format(here=Path.cwd())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "memory",
        "memory://",
        "sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite:////",
        "sqlite://host/file.db",
        "sqlite:///:memory:",
        "sqlite:///file.db?mode=ro",
        "sqlite:///file\0.db",
        "SQLITE:///file.db",
        "mysql://user:hunter2@host/database",
        "memcached://:hunter2@host",
        "file.db",
    ],
)
def test_any_other_url_is_refused_with_what_exists_and_without_what_it_holds(url: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        open_store(url)
    for known in ("sqlite:///relative.db", "sqlite:////absolute.db", "memory:"):
        assert known in error.value.detail
    assert "hunter2" not in error.value.detail
