"""The command that purges by hand what the application purges by itself."""

import json
import secrets
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from sealring.cli.common import NOT_DONE, AsJson, fail, with_store
from sealring.clock import SystemClock
from sealring.events import Emitter
from sealring.sessions.purge import Purger
from sealring.sessions.record import PurgeCounts
from sealring.settings import load_settings
from sealring.stores.base import Store

_COUNT_UP_TO: Final = 1_000_000
_LONG: Final = 1_000  # rows from which on it is worth a bar

DryRun = Annotated[bool, typer.Option("--dry-run", help="Count what is due and delete nothing.")]


def purge(*, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Delete dead sessions, spent denials and epochs that nobody compares any more; never a live session.

    It goes on in bounded batches until nothing is due, safely beside the running application. A dry run counts up to a
    million of each kind. Exit code 4: another process is purging at this moment, nothing was deleted.
    """
    settings = load_settings()

    async def run(store: Store) -> PurgeCounts | None:
        purger = Purger(
            sessions=store,
            feed=store,
            leases=store,
            policy=settings.policy().sessions,
            clock=SystemClock(),
            entropy=secrets.token_bytes,
            emitter=Emitter(),
        )
        due = await purger.count_due(_COUNT_UP_TO)
        return due if dry_run else await _purge(purger, due)

    counts = with_store(settings, run)
    if counts is None:
        fail("Another process is purging. If it was killed while it did, its turn ends within a minute.", NOT_DONE)
    told = {"sessions": counts.sessions, "denials": counts.denials, "subjects": counts.subjects, "dry_run": dry_run}
    typer.echo(json.dumps(told) if as_json else _sentence(counts, dry_run=dry_run))


async def _purge(purger: Purger, due: PurgeCounts) -> PurgeCounts | None:
    bar = Progress(
        "Purging",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=due.total < _LONG,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=due.total)
        return await purger.purge(all_of_it=True, progress=lambda done: bar.update(task, completed=done.total))


def _sentence(counts: PurgeCounts, *, dry_run: bool) -> str:
    sessions, denials, subjects = (
        f"{count:,} or more" if dry_run and count == _COUNT_UP_TO else f"{count:,}"
        for count in (counts.sessions, counts.denials, counts.subjects)
    )
    told = f"{sessions} sessions, {denials} denials and {subjects} subjects"
    return f"A purge would delete {told}." if dry_run else f"Purged {told}."
