"""What the attacks on the gate share."""

import socket
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, ...]]]:
    """Forbid every look-up and connection while a test runs; gives the list of attempts, which must stay empty."""
    attempts: list[tuple[Any, ...]] = []

    def forbidden(*arguments: Any, **_: Any) -> NoReturn:
        attempts.append(arguments)
        raise OSError("this test allows no connection")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, forbidden)
    yield attempts
    assert attempts == [], "somebody tried to connect"
