"""Commands for whoever runs the application.

Exit codes: 0 done, 1 refused or failed with one sentence on standard error, 2 the command line is wrong; what others
mean stands in the help of their command.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from sealring.cli.caller import caller
from sealring.cli.common import AsJson, fail, with_store
from sealring.cli.keys import keys
from sealring.cli.migrate import migrate
from sealring.cli.purge import purge
from sealring.cli.show import session_table, stamp
from sealring.cli.token import token
from sealring.clock import SystemClock
from sealring.errors import SealringError
from sealring.settings import DEFAULT_ENV_FILE, Environment, load_settings, write_secrets

app = typer.Typer(help="Look after the tokens of an application.", no_args_is_help=True, add_completion=False)
sessions = typer.Typer(help="The sessions.", no_args_is_help=True)
app.add_typer(keys, name="keys")
app.add_typer(sessions, name="sessions")
app.add_typer(token, name="token")
app.command()(migrate)
app.command()(purge)
app.command()(caller)


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
        fail("Name the https origin with --issuer, or pass --development.")
    environment = Environment.DEVELOPMENT if development else Environment.PRODUCTION
    created = write_secrets(file, environment=environment, issuer=issuer, app=name)
    typer.echo(f"Made {file}." if created else f"Kept {file}.")


@sessions.command("list")
def list_sessions(subject: Annotated[str, typer.Argument(help="The account.")], *, as_json: AsJson = False) -> None:
    """Show the live sessions of an account."""
    now = SystemClock().now()
    rows = with_store(load_settings(), lambda store: store.list_sessions(subject))
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


def main() -> None:
    """Run the command line."""
    try:
        app()
    except SealringError as error:
        typer.echo(error.detail, err=True)
        sys.exit(1)
