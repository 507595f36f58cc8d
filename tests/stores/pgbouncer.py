"""A real PgBouncer in front of a real PostgreSQL; ``scripts/pgbouncer.sh`` finds it or installs it."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.wheel_servers import give_away, unprivileged
from tests.running import ROOT
from tests.stores.servers import PASSWORD, START_WITHIN, STOP_WITHIN, USER, PostgresServer
from tests.stores.valkey_server import free_port

INSTALL_WITHIN = 300.0


@dataclass
class PgBouncer:
    """One pooler.

    Attributes:
        server: behind it.
        folder: of its configuration and its log.
        port: on which it listens.
    """

    server: PostgresServer
    folder: Path
    port: int

    @property
    def log(self) -> str:
        """Everything that it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def url(self, database: str, options: str = "") -> str:
        """Return the URL of a database behind it."""
        url = self.server.url(database).replace(f":{self.server.port}/", f":{self.port}/")
        return f"{url}?{options}" if options else url

    def show(self, what: str) -> list[dict[str, str]]:
        """Return what its console says."""
        psql = [str(self.server.programs / "psql"), "-XqA", "-d", self.url("pgbouncer"), "-c", f"SHOW {what}"]
        done = subprocess.run(
            psql, capture_output=True, text=True, check=False, timeout=START_WITHIN, stdin=subprocess.DEVNULL,
            **unprivileged(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + self.log
        heading, *rows = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
        return [dict(zip(heading, row, strict=True)) for row in rows]


def program() -> str:
    """Return PgBouncer, installed if need be."""
    found = subprocess.run(
        [str(ROOT / "scripts" / "pgbouncer.sh")], capture_output=True, text=True, check=False, timeout=INSTALL_WITHIN
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


@contextmanager
def pgbouncer(server: PostgresServer, *, pool_size: int) -> Iterator[PgBouncer]:
    """Run a pooler for the length of a block, which lends its connections for one transaction at a time.

    Args:
        server: behind it.
        pool_size: connections to the server at most.
    """
    folder = Path(tempfile.mkdtemp(prefix="sealring-pgbouncer-"))
    bouncer = PgBouncer(server, folder, free_port())
    (folder / "users").write_text(f'"{USER}" "{PASSWORD}"\n')
    (folder / "ini").write_text(
        f"""
        [databases]
        * = host=127.0.0.1 port={server.port}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {bouncer.port}
        unix_socket_dir =
        auth_type = scram-sha-256
        auth_file = {folder}/users
        admin_users = {USER}
        pool_mode = transaction
        default_pool_size = {pool_size}
        max_client_conn = 200
        """.replace("\n        ", "\n")
    )
    give_away(folder)
    for file in folder.iterdir():
        give_away(file)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program(), str(folder / "ini")], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **unprivileged()
        )
    try:
        deadline = time.monotonic() + START_WITHIN
        ready = [str(server.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(bouncer.port)]
        while subprocess.run(ready, check=False, timeout=START_WITHIN).returncode != 0:
            assert process.poll() is None, bouncer.log
            assert time.monotonic() < deadline, bouncer.log
            time.sleep(0.02)
        yield bouncer
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_WITHIN)
        shutil.rmtree(folder, ignore_errors=True)
