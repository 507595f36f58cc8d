"""Commands for whoever runs the application.

Exit codes: 0 done, 1 refused or failed with one sentence on standard error, 2 the command line is wrong.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from sealring.cli.show import key_table, session_table, stamp
from sealring.cli.token import token
from sealring.clock import SystemClock
from sealring.errors import SealringError
from sealring.events import Emitter
from sealring.keys.ring import KeyRing
from sealring.sessions.purge import Purger
from sealring.settings import DEFAULT_ENV_FILE, Environment, SealringSettings, load_settings, write_secrets
from sealring.stores import open_store
from sealring.stores.base import Store

ResultT = TypeVar("ResultT")

app = typer.Typer(help="Look after the tokens of an application.", no_args_is_help=True, add_completion=False)
keys = typer.Typer(help="The key ring.", no_args_is_help=True)
sessions = typer.Typer(help="The sessions.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(sessions, name="sessions")
app.add_typer(token, name="token")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def _root() -> None:
    """Look after the tokens of an application."""


@app.command()
def init(
    *,
    file: Annotated[Path, typer.Option(help="Where the settings go.")] = Path(DEFAULT_ENV_FILE),
    development: Annotated[bool, typer.Option("--development", help="For this machine: plain http is fine.")] = False,
    issuer: Annotated[str, typer.Option(help="The https origin of the pages.")] = "http://localhost:8000",
    name: Annotated[str, typer.Option("--app", help="Short name of the application.")] = "app",
) -> None:
    """Make fresh secrets in a file that only its owner can read; an existing file is kept."""
    if not development and not issuer.startswith("https://"):
        _fail("Name the https origin with --issuer, or pass --development.")
    environment = Environment.DEVELOPMENT if development else Environment.PRODUCTION
    created = write_secrets(file, environment=environment, issuer=issuer, app=name)
    typer.echo(f"Made {file}." if created else f"Kept {file}.")


@keys.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show every key with its state; the private keys are never shown."""
    settings = load_settings()

    async def run(store: Store) -> KeyRing:
        ring = KeyRing(store, settings.key_encryption(), clock=SystemClock(), events=Emitter())
        if (await store.load_ring()).rows:
            await ring.start()
        else:
            _fail("There is no key ring yet: it is made when the application first starts.")
        return ring

    ring = _with_store(settings, run)
    if as_json:
        typer.echo(json.dumps([{"kid": row.kid, "alg": row.alg, "state": row.state} for row in ring.rows], indent=2))
    else:
        key_table(ring.rows)
    for refused in ring.refused:
        typer.echo(f"Refused {refused.kid}: {refused.detail}", err=True)


@sessions.command("list")
def list_sessions(subject: Annotated[str, typer.Argument(help="The account.")], *, as_json: AsJson = False) -> None:
    """Show the live sessions of an account."""
    now = SystemClock().now()
    rows = _with_store(load_settings(), lambda store: store.list_sessions(subject))
    live = [row for row in rows if row.is_live(now)]
    if as_json:
        shown = [
            {
                "session_id": row.session_id,
                "device": row.device,
                "generation": row.generation,
                "created_at": stamp(row.created_at),
                "last_seen": stamp(row.last_seen),
                "ends_at": stamp(row.end),
            }
            for row in live
        ]
        typer.echo(json.dumps(shown, indent=2))
    else:
        session_table(live)


@app.command()
def purge(*, as_json: AsJson = False) -> None:
    """Delete dead sessions and spent denials, in bounded batches; a live session is never touched."""
    settings = load_settings()

    async def run(store: Store) -> tuple[int, int]:
        purger = Purger(
            sessions=store, feed=store, policy=settings.policy().sessions, clock=SystemClock(), emitter=Emitter()
        )
        return await purger.purge()

    ended, spent = _with_store(settings, run)
    typer.echo(
        json.dumps({"sessions": ended, "denials": spent})
        if as_json
        else f"Purged {ended} sessions and {spent} denials."
    )


def _with_store(settings: SealringSettings, use: Callable[[Store], Awaitable[ResultT]]) -> ResultT:
    async def run() -> ResultT:
        async with open_store(settings.store) as store:
            return await use(store)

    return asyncio.run(run())


def _fail(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SealringError as error:
        typer.echo(error.detail, err=True)
        sys.exit(1)
