"""The command that brings the schema of the store to the newest version."""

import asyncio
import json
from typing import Annotated

import typer

from sealring.cli.common import NOT_DONE, AsJson
from sealring.settings import load_settings
from sealring.stores import open_store
from sealring.stores.schema import SchemaState

Check = Annotated[bool, typer.Option("--check", help="Change nothing; exit code 4 when there is something to do.")]


def migrate(*, check: Check = False, as_json: AsJson = False) -> None:
    """Bring the schema of the store to the newest version, as the application does when it starts.

    Repeating it is harmless, also in several processes at once. A schema of a newer version is refused. Tables that
    come from the application's own migrations are only looked at.
    """
    state = asyncio.run(open_store(load_settings().store).migrate(look_only=check))
    told = {"version": state.version, "newest": state.newest, "made": state.made, "carried": state.carried}
    typer.echo(json.dumps(told) if as_json else _sentence(state))
    if state.version < state.newest:
        raise typer.Exit(NOT_DONE)


def _sentence(state: SchemaState) -> str:
    if not state.newest:
        return "This store has no schema."
    if state.carried:
        return "The tables come from the application's own migrations, and are complete."
    if state.version < state.newest:
        return f"The schema is version {state.version}; the newest is {state.newest}."
    if not state.made:
        return f"Nothing to do: the schema is version {state.version}."
    made = " and ".join(f"version {version}" for version in state.made)
    return f"Made {made} of the schema."
