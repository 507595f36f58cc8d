"""Runs a command beside a server from a wheel: ``python -m scripts.try_store postgres|valkey COMMAND …``.

For a try on one machine: the server listens on this machine only, keeps its data under the data directory of the
application (``TODO_DATA_DIR``, default ``data``) and ends when the command ends. ``SEALRING_STORE`` leads the command
to it, and for PostgreSQL ``TODO_DATABASE_URL`` too.
"""

import fcntl
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol

from scripts.wheel_servers import (
    UNPRIVILEGED,
    give_away,
    postgres_programs,
    reachable,
    unprivileged,
    valkey_program,
)

START_WITHIN = 60.0
STOP_WITHIN = 30.0


class Unusable(Exception):
    """The server cannot be run; the sentence says why."""


class Engine(Protocol):
    """What differs between the servers."""

    name: str
    stop_by: signal.Signals

    def prepare(self) -> None:
        """Make its data if this is the first start."""

    def command(self, port: int) -> list[str]:
        """Return the command that runs it."""

    def options(self) -> dict[str, Any]:
        """Return further arguments for :class:`subprocess.Popen`."""

    def says(self) -> bytes:
        """Return what it reads on its standard input."""

    def answers(self, port: int) -> bool:
        """Whether it is ready."""

    def environment(self, port: int) -> dict[str, str]:
        """Return what leads the application to it."""


class Postgres:
    """PostgreSQL, with the application's tables and the sessions in one database."""

    name = "PostgreSQL"
    stop_by = signal.SIGINT  # does not wait for clients

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._password = folder / "password"

    def prepare(self) -> None:
        """Make its data if this is the first start.

        Raises:
            Unusable: another version made the data, or the account that runs the server cannot reach it.
        """
        give_away(self._folder)
        if os.geteuid() == 0:
            # Passing through is enough: the files in it are their owner's only.
            self._folder.parent.chmod(self._folder.parent.stat().st_mode | 0o011)
            if subprocess.run(["test", "-w", str(self._folder)], check=False, **unprivileged()).returncode:
                raise Unusable(
                    f"PostgreSQL does not run as root, and the account {UNPRIVILEGED} cannot reach {self._folder}: run "
                    "make as another user, or set TODO_DATA_DIR to another place"
                )
        self._programs = reachable(postgres_programs(), self._folder)
        if self._data.exists():
            self._check_version()
            return
        unfinished = self._folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._password.touch(0o600)
        self._password.write_text(secrets.token_hex(16))
        give_away(self._password)
        self._run(
            "initdb", f"--pgdata={unfinished}", "--username=todo", f"--pwfile={self._password}",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip
        unfinished.rename(self._data)

    def command(self, port: int) -> list[str]:
        """Return the command that runs it."""
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self._data), *options]

    def options(self) -> dict[str, Any]:
        """Return further arguments for :class:`subprocess.Popen`."""
        return unprivileged()

    def says(self) -> bytes:
        """Return nothing: it reads no input."""
        return b""

    def answers(self, port: int) -> bool:
        """Whether it is ready."""
        asked = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(asked, check=False).returncode == 0

    def environment(self, port: int) -> dict[str, str]:
        """Return what leads the application to it."""
        url = f"postgresql://todo:{self._password.read_text()}@127.0.0.1:{port}/postgres"
        return {"SEALRING_STORE": url, "TODO_DATABASE_URL": url}

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        here = self._run("postgres", "--version").split()[-1]
        if here.partition(".")[0] != made_by:
            raise Unusable(f"{self._folder} was made by PostgreSQL {made_by}, this is {here}: move the folder away")

    def _run(self, program: str, *arguments: str) -> str:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **unprivileged())
        if done.returncode:
            raise Unusable(f"{program} failed: {done.stderr.strip()}")
        return str(done.stdout).strip()


class Valkey:
    """Valkey for the sessions; the application's own database stays where it is."""

    name = "Valkey"
    stop_by = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._password = secrets.token_hex(16)

    def prepare(self) -> None:
        """Do nothing: it makes its files itself."""

    def command(self, port: int) -> list[str]:
        """Return the command that runs it."""
        return [str(valkey_program()), "-", "--port", str(port)]

    def options(self) -> dict[str, Any]:
        """Return further arguments for :class:`subprocess.Popen`."""
        return {"cwd": self._folder}

    def says(self) -> bytes:
        """Return its settings: on the command line anybody could read the password."""
        settings = (
            "bind 127.0.0.1", f"requirepass {self._password}", "appendonly yes", 'save ""',
            "maxmemory-policy noeviction",
        )  # fmt: skip
        return "\n".join(settings).encode()

    def answers(self, port: int) -> bool:
        """Whether it is ready."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as wire:
            wire.settimeout(1)
            wire.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            reply = b""
            while b"PONG" not in reply and (received := wire.recv(1_024)):
                reply += received
            return b"+PONG" in reply
        return False

    def environment(self, port: int) -> dict[str, str]:
        """Return what leads the application to it."""
        return {"SEALRING_STORE": f"redis://:{self._password}@127.0.0.1:{port}/0"}


ENGINES = {"postgres": Postgres, "valkey": Valkey}


@contextmanager
def running(engine: Engine, folder: Path) -> Iterator[dict[str, str]]:
    """Run a server for the length of a block, and give what leads the application to it.

    Raises:
        Unusable: it does not start, or another start of the application uses its data.
    """
    with (folder / "in-use").open("ab") as mine, (folder / "server").open("a+b") as its:
        if not _locked(mine):
            raise Unusable(f"another start of the application uses {folder}: stop that one first")
        _end_the_one_left_behind(engine, its)
        engine.prepare()
        port = _free_port()
        server = _spawn(engine, port, folder, its)
        try:
            deadline = time.monotonic() + START_WITHIN
            while not engine.answers(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise Unusable(f"{engine.name} does not start; {folder / 'log'} says why")
                time.sleep(0.05)
            yield engine.environment(port)
        finally:
            server.send_signal(engine.stop_by)
            server.wait(STOP_WITHIN)


def _spawn(engine: Engine, port: int, folder: Path, its: IO[bytes]) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("ab") as log:
        server: subprocess.Popen[bytes] = subprocess.Popen(
            engine.command(port),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            # It keeps the lock for as long as it lives, also when this process is killed.
            pass_fds=[its.fileno()],
            # Ctrl-C is for the application, which still needs the server while it stops.
            start_new_session=True,
            **engine.options(),
        )
    its.truncate(0)
    its.write(str(server.pid).encode())
    its.flush()
    if server.stdin is not None:
        server.stdin.write(engine.says())
        server.stdin.close()
    return server


def _end_the_one_left_behind(engine: Engine, its: IO[bytes]) -> None:
    """End the server of a start that was killed: it still holds the lock, so the number is still its own."""
    deadline = time.monotonic() + STOP_WITHIN
    told = False
    while not _locked(its):
        its.seek(0)
        number = its.read()
        if not told and number:
            os.kill(int(number), engine.stop_by)
            told = True
        if time.monotonic() > deadline:
            raise Unusable(f"the {engine.name} of an earlier start does not end (process {number.decode() or '?'})")
        time.sleep(0.05)


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free_port() -> int:
    # Below those that the system gives to connections, which could take it before the server does.
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run the application until it ends, and return its exit code."""
    with subprocess.Popen(command, env=environment) as application:
        # Ctrl-C reaches it as well, because it is of the same group.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda which, _frame: application.send_signal(which))
        return application.wait()


def main(arguments: Sequence[str]) -> int:
    """Read the command line, start the server, run the command.

    Args:
        arguments: the engine, then the command.

    Returns:
        The exit code of the command; 1 with one sentence when the server cannot be used.
    """
    chosen, *command = arguments
    try:
        if chosen not in ENGINES:
            raise Unusable(f"STORE is {' or '.join(ENGINES)}; without it sessions are in an SQLite file")
        if "SEALRING_STORE" in os.environ:
            raise Unusable("STORE starts a server of its own, and SEALRING_STORE names another one: set one of them")
        folder = Path(os.environ.get("TODO_DATA_DIR", "data")).resolve() / chosen
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        # From here on a signal ends the server as well.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with running(ENGINES[chosen](folder), folder) as leads:
            kept = {name: value for name, value in os.environ.items() if name != "STORE"}
            return run(command, {**kept, **leads})
    except (Unusable, OSError) as error:
        sys.stderr.write(f"Cannot run with STORE={chosen}: {error}.\n")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
