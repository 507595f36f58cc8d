"""Commands about one token."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from sealring.cli.token_lookup import Lookup, look_up, verify
from sealring.cli.token_view import as_json_object, draw
from sealring.cli.unverified import unverified_read
from sealring.clock import SystemClock
from sealring.jose import MAX_TOKEN_BYTES

token = typer.Typer(help="One token.", no_args_is_help=True)


@token.callback()
def _root() -> None:
    """One token."""


@token.command()
def inspect(
    text: Annotated[
        str,
        typer.Argument(metavar="[TOKEN|-]", help="The token; '-' reads it from standard input, away from the history."),
    ] = "-",
    *,
    check: Annotated[bool, typer.Option("--verify", help="Verify it with the configured key ring.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Draw a token: header, claims with their cost, times, the state of its key.

    Nothing is verified unless --verify is given, and the first line says which. Exit code 1: not a token, or refused.
    """
    text = (_from_standard_input() if text == "-" else text).strip()
    unverified = unverified_read(text)
    clock = SystemClock()
    asked = verify(text, unverified.kid, clock) if check else look_up(unverified.kid, clock)
    lookup: Lookup = asyncio.run(asked)
    now = clock.now()
    if as_json:
        typer.echo(json.dumps(as_json_object(unverified, lookup, now), indent=2))
    else:
        draw(unverified, lookup, now)
    if lookup.verified is False:
        raise typer.Exit(1)


def _from_standard_input() -> str:
    if sys.stdin.isatty():
        typer.echo("Paste the token, then end the input (Ctrl-D).", err=True)
    # One byte more than allowed, and white space around it, tells too long from long.
    return sys.stdin.buffer.read(2 * MAX_TOKEN_BYTES).decode("ascii", errors="replace")
