"""Commands for the key ring."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import typer

from sealring.cli.common import AsJson, ResultT, Yes, confirm, fail, with_store
from sealring.cli.show import key_table, stamp
from sealring.clock import SystemClock
from sealring.errors import KeyRingError
from sealring.events import Emitter
from sealring.keys import KeyRing, KeyRow, KeyState, Schedule
from sealring.keys.plan import next_rotation
from sealring.revocation import Denylist, KeyDistruster
from sealring.settings import load_settings
from sealring.stores.base import Store

ROWS_REFUSED: Final = 4

keys = typer.Typer(
    help="The key ring.\n\nExit codes: 0 done, or nothing had to be done; 1 refused or failed, with one sentence on "
    "standard error; 2 the command line is wrong; 3 not confirmed, nothing was changed; 4 (list) a row of the ring is "
    "not authentic.",
    no_args_is_help=True,
)

# One key id in 64 begins with a hyphen, and nobody must have to know that in an emergency.
TAKES_KEY_ID: Final = {"ignore_unknown_options": True}

KeyId = Annotated[str, typer.Argument(metavar="KID", help="The key id, as 'sealring keys list' shows it.")]


@keys.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """Show every key with its state; the private keys are never shown. Exit code 4: a row is not authentic."""
    ring = _read_ring()
    due = next_rotation(ring.rows, ring.schedule)
    if as_json:
        _print_json(
            {
                "revision": ring.revision,
                "next_rotation": None if due is None else stamp(due),
                "keys": [_told(row) for row in ring.rows],
                "refused": [{"kid": row.kid, "detail": row.detail} for row in ring.refused],
            }
        )
    else:
        key_table(ring.rows)
        typer.echo(f"The next rotation is due {stamp(due)}.")
    for refused in ring.refused:
        typer.echo(f"Refused {refused.kid}: {refused.detail}", err=True)
    if ring.refused:
        raise typer.Exit(ROWS_REFUSED)


@keys.command()
def rotate(
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Rotate although the period of the active key is not over.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --now: also when some verifier may not know the next key yet.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Do what the schedule says is due; the application does the same by itself.

    With --now the announced key signs at once. That is refused while it has been announced for less than the time in
    which every verifier has learned it; --force does it all the same, and verifiers with an older JWKS refuse the new
    tokens until they fetch it again.
    """
    if force and not now:
        raise typer.BadParameter("--force goes with --now")
    if force:
        confirm("Verifiers that do not know the next key yet will refuse new tokens for a while", yes=yes)

    async def use(ring: KeyRing, _: Store) -> bool:
        if not now:
            return await ring.rotate()
        try:
            return await ring.rotate_early(force=force)
        except KeyRingError as error:
            raise KeyRingError(f"{error.detail}. Nothing was changed; wait, or add --force.") from None

    ring, changed = _with_ring(use)
    if force:
        typer.echo("Warning: verifiers with an older JWKS refuse new tokens until they fetch it again.", err=True)
    _report(ring, changed=changed, done="Rotated.", idle="Nothing is due.", as_json=as_json)


@keys.command(context_settings=TAKES_KEY_ID)
def retire(kid: KeyId, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Take a retiring or announced key out of use before its time; the holders of its tokens refresh."""
    confirm(f"Tokens of the key {kid} will be refused from now on, and its private key is deleted", yes=yes)
    ring, changed = _with_ring(lambda ring, _: ring.retire(kid))
    _report(ring, changed=changed, done="Retired.", idle="The key is out of use already.", as_json=as_json)


@keys.command(context_settings=TAKES_KEY_ID)
def distrust(kid: KeyId, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Emergency: refuse the tokens of a key at once everywhere; the waiting key signs, and holders refresh.

    Every process hears of it through the feed, within a second by default. Repeat it when it failed.
    """
    confirm(f"Tokens of the key {kid} will be refused everywhere, for good", yes=yes)

    def use(ring: KeyRing, store: Store) -> Awaitable[bool]:
        return KeyDistruster(ring=ring, feed=store, denylist=Denylist(), clock=SystemClock()).distrust(kid)

    ring, changed = _with_ring(use)
    _report(ring, changed=changed, done="Distrusted.", idle="The key was distrusted already.", as_json=as_json)


@keys.command()
def rewrap(
    *,
    drop_refused: Annotated[
        bool,
        typer.Option("--drop-refused", help="Delete the rows that are not authentic; otherwise they are an error."),
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Seal every key under the key-encryption key in use, all at once; then the older ones can be removed."""
    if drop_refused:
        confirm("Rows that this key-encryption key does not open will be deleted, for good", yes=yes)
    ring, count = _with_ring(lambda ring, _: ring.rewrap(drop_refused=drop_refused))
    done = f"Changed {count} rows; every key is sealed under the key-encryption key in use."
    _report(ring, changed=count > 0, done=done, idle="Every key is sealed under it already.", as_json=as_json)


@keys.command("export-public")
def export_public(*, as_json: AsJson = False) -> None:
    """Print the JWK Set that verifies the tokens: what /.well-known/jwks.json publishes. It is JSON in any case."""
    del as_json
    _print_json(_read_ring().jwks())


def _with_ring(use: Callable[[KeyRing, Store], Awaitable[ResultT]]) -> tuple[KeyRing, ResultT]:
    """Return the ring, and what a function has made of it after it was read."""
    settings = load_settings()
    policy = settings.policy()

    async def run(store: Store) -> tuple[KeyRing, ResultT]:
        ring = KeyRing(
            store,
            settings.key_encryption(),
            clock=SystemClock(),
            events=Emitter(),
            schedule=Schedule.of(policy),
            alg=policy.access.algorithm,
        )
        if not (await store.load_ring()).rows:
            fail("There is no key ring yet: it is made when the application first starts.")
        await ring.read()
        if not ring.rows:
            fail(f"No row of the ring can be used: {ring.refused[0].detail}")
        return ring, await use(ring, store)

    return with_store(settings, run)


def _read_ring() -> KeyRing:
    async def nothing(_ring: KeyRing, _store: Store) -> None:
        """Leave it at what was read."""

    return _with_ring(nothing)[0]


def _told(row: KeyRow) -> dict[str, object]:
    times = {
        "created_at": row.created_at,
        "activated_at": row.activated_at,
        "retiring_at": row.retiring_at,
        "retired_at": row.retired_at,
        "distrusted_at": row.distrusted_at,
    }
    return {
        "kid": row.kid,
        "alg": row.alg,
        "state": row.state,
        "key_encryption_key": row.kek_version,
        **{name: stamp(time) for name, time in times.items() if time is not None},
    }


def _report(ring: KeyRing, *, changed: bool, done: str, idle: str, as_json: bool) -> None:
    if as_json:
        told = [_told(row) for row in ring.rows]
        _print_json({"changed": changed, "revision": ring.revision, "keys": told})
        return
    typer.echo(done if changed else idle)
    for row in ring.rows:
        if row.state in (KeyState.ACTIVE, KeyState.ANNOUNCED):
            typer.echo(f"{row.kid} is {row.state}.")


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2))
