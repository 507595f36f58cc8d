"""What several groups of commands share."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, NoReturn, TypeVar

import typer

from sealring.settings import SealringSettings
from sealring.stores import open_store
from sealring.stores.base import Store

ResultT = TypeVar("ResultT")

FAILED: Final = 1
NOT_CONFIRMED: Final = 3
NOT_DONE: Final = 4

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def with_store(settings: SealringSettings, use: Callable[[Store], Awaitable[ResultT]]) -> ResultT:
    """Return what a function makes of the configured store, which is open for that long.

    Args:
        settings: name the store.
        use: is given the store.
    """

    async def run() -> ResultT:
        async with open_store(settings.store) as store:
            return await use(store)

    return asyncio.run(run())


def fail(sentence: str, code: int = FAILED) -> NoReturn:
    """Say why nothing was done, on standard error, and end with an exit code."""
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if somebody at a terminal agrees, or has agreed with ``--yes``.

    Args:
        question: what is going to happen, without a question mark.
        yes: whether ``--yes`` was given.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        fail("Nothing was changed: there is no terminal to ask at. Add --yes to do it.", NOT_CONFIRMED)
    if not typer.confirm(f"{question}. Go on?", err=True):
        fail("Nothing was changed.", NOT_CONFIRMED)
