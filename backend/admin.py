"""``python -m backend.admin``: what an administrator does with accounts, from the machine of the application."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from backend.accounts import Accounts
from backend.auth.config import TodoClaims, build_ring, token_settings
from backend.auth.utils import subject_loader
from backend.db import Database
from backend.settings import load_todo_settings
from backend.utils.password_rules import PasswordRules
from backend.utils.security import Passwords
from sealring import EndReason, Sealring
from sealring.clock import SystemClock
from sealring.errors import SealringError
from sealring.observe.logs import LogSink


async def disable_account(accounts: Accounts, ring: Sealring[TodoClaims], email: str) -> int:
    """Shut an account out at once: nobody signs in to it any more, and all of its sessions end.

    Args:
        accounts: of the application.
        ring: ends the sessions.
        email: of the account.

    Returns:
        How many sessions were ended. Repeating it is safe, and right after a failure.

    Raises:
        NotFound: there is no such account.
        StoreUnavailable: the account is disabled, but its sessions may live until they refresh: repeat it.
    """
    user_id = await accounts.disable(email)
    # Only after that is committed: a refresh that comes in between is refused, and so is a login under way.
    return await ring.end_all_sessions(user_id, reason=EndReason.ADMINISTRATOR)


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; the exit status is returned.

    Args:
        arguments: ``disable EMAIL`` or ``enable EMAIL``.
    """
    parser = argparse.ArgumentParser(prog="python -m backend.admin", description="Disable and enable accounts.")
    parser.add_argument("action", choices=("disable", "enable"))
    parser.add_argument("email", help="of the account")
    chosen = parser.parse_args(arguments)
    try:
        sys.stdout.write(asyncio.run(_run(chosen.action, chosen.email.strip().lower())) + "\n")
    except SealringError as error:
        sys.stderr.write(f"Nothing more was done. {error}\n")
        return 1
    return 0


async def _run(action: str, email: str) -> str:
    settings, clock = load_todo_settings(), SystemClock()
    database = Database(settings.database, patience=settings.patience)
    accounts = Accounts(database, Passwords(settings, None), PasswordRules(), clock)
    try:
        if action == "enable":
            await accounts.enable(email)
            return f"{email} may sign in again."
        load_subject = subject_loader(accounts, max_todos=settings.max_todos)
        ring = build_ring(token_settings(settings), load_subject=load_subject, sinks=(LogSink(),), clock=clock)
        async with ring:
            ended = await disable_account(accounts, ring, email)
        return f"{email} is disabled; sessions ended: {ended}."
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
