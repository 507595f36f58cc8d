"""Measures how fast a revocation reaches every other process, and what the denylist costs.

Run it from the repository: ``python -m benchmarks.revocation [REVOCATIONS]``. For each engine four processes share one
store: one logs in and out, three verify its token in a loop. A figure is the time from the moment when the logout had
committed to the moment when the last of the three refused the token; the processes take turns on the machine's cores,
so on a busy one it is its scheduler that is measured. "by the interval" is the same where nobody is woken (behind a
pooler). The last lines are the denylist alone, with a million entries of which one in a hundred checks finds one, in
processor time.
"""

import asyncio
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.revocation_child import ACCOUNT, WEB, ring
from sealring.revocation import ENDED, Denial, DenialKind, Denylist
from tests.stores.servers import postgres_server
from tests.stores.valkey_server import valkey_server

VERIFIERS = 3
ENTRIES = 1_000_000
ROOT = Path(__file__).resolve().parent.parent


class Verifier:
    """A process that verifies."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def tell(self, text: str) -> None:
        """Give it a token, and wait until it has accepted it."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{text}\n".encode())
        await self.hear("verified")

    async def hear(self, expected: str | None = None) -> float:
        """Return what it says next."""
        assert self.process.stdout is not None
        said = json.loads(await asyncio.wait_for(self.process.stdout.readline(), 60))
        assert expected is None or said == expected, said
        return float(said) if expected is None else 0.0


@asynccontextmanager
async def verifiers(url: str) -> AsyncIterator[list[Verifier]]:
    """Run processes that verify."""
    command = (sys.executable, "-m", "benchmarks.revocation_child", url)
    running = [
        Verifier(
            await asyncio.create_subprocess_exec(
                *command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**20
            )
        )
        for _ in range(VERIFIERS)
    ]
    try:
        for each in running:
            await each.hear("ready")
        yield running
    finally:
        for each in running:
            each.process.kill()
            await each.process.wait()


async def delays(url: str, revocations: int) -> list[float]:
    """Return the seconds that revocations took to reach the last process."""
    found = []
    async with ring(url) as it, verifiers(url) as others:
        for _ in range(revocations):
            tokens = await it.open_session(await it.begin_login(ACCOUNT.id), ACCOUNT, sender=WEB)
            await asyncio.gather(*(each.tell(tokens.access_token) for each in others))
            # At another moment of the interval each time.
            await asyncio.sleep(random.random() * 0.2)
            await it.logout(refresh_token=tokens.refresh_token)
            committed = time.monotonic()
            refused = await asyncio.gather(*(each.hear() for each in others))
            found.append(max(0.0, max(refused) - committed))
    return found


def measure(engine: str, url: str, revocations: int) -> None:
    """Print one line."""
    found = asyncio.run(delays(url, revocations))
    cuts = statistics.quantiles(found, n=100, method="inclusive")
    print(f"{engine:34} {cuts[49]:8.3f} {cuts[98]:8.3f} {max(found):8.3f}")


@contextmanager
def memory() -> Iterator[list[int]]:
    """Give a list that holds the bytes that the block has taken."""
    taken: list[int] = []
    gc.collect()
    before = _resident()
    yield taken
    gc.collect()
    taken.append(_resident() - before)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def denylist() -> None:
    """Print what a million entries weigh, and what a check costs; the longest pause of anything that it does."""
    found: list[str] = []
    listed = Denylist()
    now = time.time()
    with memory() as taken:
        for number in range(ENTRIES):
            ident = os.urandom(16).hex()
            listed.add(Denial(DenialKind.SESSION, ident, ENDED, now + 60 + number % 900))
            if number % 100 == 0:
                found.append(ident)
    print(f"\nbytes of an entry, at {len(listed):,}: {taken[0] / ENTRIES:.0f}")
    new = [os.urandom(16).hex() for _ in range(99 * len(found) // 10)]
    asked = [*new, *(text[:] for text in found[: len(found) // 10])]
    random.shuffle(asked)
    token_ids = [os.urandom(16).hex()[:22] for _ in asked]
    bare = set(_live_idents(listed, now))
    checks, floors = [], []
    for _ in range(7):
        started = time.thread_time()
        for token_id, session_id in zip(token_ids, asked, strict=True):
            listed.denies_token(token_id)
            listed.least_epoch(session_id)
        checks.append((time.thread_time() - started) / len(asked))
        started = time.thread_time()
        for _, session_id in zip(token_ids, asked, strict=True):
            _ = session_id in bare
        floors.append((time.thread_time() - started) / len(asked))
    check, floor = min(checks) * 1e9, min(floors) * 1e9
    print(f"nanoseconds of a check, of a token's jti and sid: {check:.0f} (looking into one bare set: {floor:.0f})")
    longest = 0.0
    while len(listed):
        started = time.thread_time()
        listed.sweep(now + 2_000)
        longest = max(longest, time.thread_time() - started)
    print(f"milliseconds of the longest sweep, while all of them are forgotten: {longest * 1e3:.1f}")


def _live_idents(listed: Denylist, now: float) -> Iterator[str]:
    return (denial.ident for denial in listed.live(now))


def main() -> None:
    revocations = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{revocations} revocations, {VERIFIERS} other processes: seconds until the last refuses")
    print(f"{'engine':34} {'p50':>8} {'p99':>8} {'longest':>8}")
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/sessions.db", revocations)
    with postgres_server({"fsync": "on"}) as postgres:
        url = asyncio.run(postgres.new_schema())
        measure("PostgreSQL", url, revocations)
        measure("PostgreSQL, by the interval", f"{url}&listen=off", max(20, revocations // 4))
    with valkey_server() as valkey:
        measure("Valkey", valkey.url(), revocations)
    denylist()


if __name__ == "__main__":
    main()
