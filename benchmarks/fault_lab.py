"""Compares refresh strategies in a simulation, or tortures a running installation.

Run it from the repository:

* ``python -m benchmarks.fault_lab`` lets five strategies live through the same weeks and prints a table in Markdown. It
  is the same in every run, because everything that is left to chance comes from one seed.
* ``python -m benchmarks.fault_lab ENGINE [SECONDS]``, with ``sqlite``, ``postgres`` or ``valkey``, runs the application
  in three processes with forty browsers, and goes through every fault that the engine knows, once and then
  again until the time is over (default 60 seconds). It prints what everybody was told and fails if anybody was wronged.

The parts of both are in ``tests/faults``, where they run as tests, short and bounded.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.lab.faults import faults_of
from tests.faults.lab.judge import Verdict
from tests.faults.lab.play import play
from tests.faults.lab.report import report
from tests.faults.lab.world import world
from tests.faults.rivals.table import compare, lines

WORKERS = 3
BROWSERS = 40
THIEVES = 4


async def torture(engine: str, seconds: float) -> int:
    """Play fault after fault, each with new clients, and return how many wrongs there were."""
    wrongs = 0
    with tempfile.TemporaryDirectory() as folder:
        async with world(engine, Path(folder), workers=WORKERS) as installation:
            begun, seed = time.monotonic(), 1
            print(f"{engine}: {WORKERS} processes, {BROWSERS} browsers with two tabs, {THIEVES} thieves of each kind")
            while time.monotonic() < begun + seconds:
                for name, fault in faults_of(engine).items():
                    verdict: Verdict = await play(installation, [fault], browsers=BROWSERS, thieves=THIEVES, seed=seed)
                    print("\n".join(report(name, verdict)))
                    wrongs += len(verdict.wrongs)
                seed += 1
    print(f"wrongs: {wrongs}")
    return wrongs


def main() -> None:
    """Do what the command line asks for."""
    if len(sys.argv) == 1:
        print("\n".join(lines(compare())))
        return
    engine, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    sys.exit(1 if asyncio.run(torture(engine, seconds)) else 0)


if __name__ == "__main__":
    main()
