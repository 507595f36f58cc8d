"""Runs the application: binds the port, starts, says where it is, and drains when it is told to stop."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from backend.auth.config import prepare_development_secrets, token_settings
from backend.main import create_app
from backend.settings import TodoSettings, load_todo_settings
from sealring.errors import ConfigurationError, SealringError

# What is under way when the server is told to stop may take this long, in seconds.
_DRAIN = 10
# Bytes.
_LONGEST_MESSAGE = 1_024
_EVERYWHERE = frozenset({"0.0.0.0", "::", "127.0.0.1", "::1", "localhost"})  # noqa: S104 - compared, not bound


def run(host: str, port: int) -> int:
    """Serve until a signal comes.

    Args:
        host: address or name to listen on.
        port: to listen on; 0 lets the system choose.

    Returns:
        0 after a clean stop; 1 after one sentence on standard error that says why it could not start.
    """
    try:
        settings = load_todo_settings()
        _log_to_stderr(settings)
        with bind(host, port) as listener:
            address = _address(host, listener)
            prepare_development_secrets(address)
            app = create_app(settings, tokens=token_settings(settings, origins=_origins(address)))
            config = _config(app, settings)
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(_serve(app, _Server(config, address), listener))
    except SealringError as error:
        sys.stderr.write(f"Todo cannot start. {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def bind(host: str, port: int) -> socket.socket:
    """Listen on a port, before anything is opened that a second start could disturb.

    Raises:
        ConfigurationError: the port is taken or forbidden, or the host is unknown.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(place[:2], family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"Port {port} is in use. Stop the program that uses it, or choose another: PORT={port + 1}."
        elif error.errno == errno.EACCES:
            why = f"Port {port} needs more rights. Choose one from 1024 on."
        else:
            why = f"It cannot listen on {host}:{port}: {error.strerror}."
        raise ConfigurationError(why) from error


class _Server(uvicorn.Server):
    """Says where it is once it serves; the signals are :func:`_serve`'s."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own would raise the signal once more when it is done, and kill the process before the lifespan has
        # drained.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"Todo is running at {self._address}\n")
            sys.stdout.flush()


async def _serve(app: FastAPI, server: _Server, listener: socket.socket) -> None:
    # The lifespan is entered here rather than by uvicorn, which would print a traceback for a locked database.
    async with app.router.lifespan_context(app):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, server.handle_exit, number, None)
        await server.serve(sockets=[listener])


def _config(app: FastAPI, settings: TodoSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        # Addresses hold what users search for; Sealring's events tell what happened.
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies or "",
        timeout_graceful_shutdown=_DRAIN,
        # Nothing that is sent to a WebSocket here is read.
        ws_max_size=_LONGEST_MESSAGE,
    )


def _address(host: str, listener: socket.socket) -> str:
    name = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def _origins(address: str) -> tuple[str, ...]:
    return tuple({address, address.replace("//localhost:", "//127.0.0.1:")})


def _log_to_stderr(settings: TodoSettings) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("uvicorn", "alembic", "aiosqlite", "asyncio"):
        logging.getLogger(talkative).setLevel(max(logging.WARNING, level))
