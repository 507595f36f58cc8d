"""Carries out a plan: fresh keys are made, moved rows are sealed again, and a new ring comes out."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sealring.errors import JoseError, KeyRingError, StoreUnavailable
from sealring.jose import SigningKey, VerificationKey, dump_json, generate, import_public_jwk
from sealring.keys.plan import Plan
from sealring.keys.record import KeyRow, KeyState
from sealring.keys.signer import ExternalKeys
from sealring.keys.wrapping import KeyEncryptionKeys

# What is sealed in a row is PKCS #8 DER, which begins with 0x30, or this and the reference of an external key.
_EXTERNAL: Final = b"external:"
_LONGEST_REFERENCE: Final = 2_048
_TIMES: Final = {
    KeyState.ACTIVE: "activated_at",
    KeyState.RETIRING: "retiring_at",
    KeyState.RETIRED: "retired_at",
    KeyState.DISTRUSTED: "distrusted_at",
}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that is in no ring yet.

    Attributes:
        public: verifies what it signs.
        secret: what its row will seal: the private key, or where an external one is found.
    """

    public: VerificationKey
    secret: bytes = field(repr=False)

    @staticmethod
    def local(key: SigningKey) -> "NewKey":
        """Return a key of this process."""
        return NewKey(key.public, key.private_bytes())


async def make_key(alg: str, external: ExternalKeys | None = None) -> NewKey:
    """Make a key.

    Args:
        alg: its one algorithm.
        external: makes it; None makes it here, off the event loop, because RSA takes a noticeable part of a second.

    Raises:
        StoreUnavailable: the keeper of external keys failed, or gave something that is no key for the algorithm.
    """
    if external is None:
        return NewKey.local(await asyncio.to_thread(generate, alg))
    try:
        made = await external.make(alg)
    except Exception as error:
        raise StoreUnavailable(f"no external key could be made: {type(error).__name__}") from error
    if not 1 <= len(made.reference) <= _LONGEST_REFERENCE:
        raise StoreUnavailable(f"the reference of an external key is 1 to {_LONGEST_REFERENCE} characters")
    try:
        # The name that its keeper gives it does not count: the ring knows keys by their thumbprint.
        public = import_public_jwk({name: made.public_jwk[name] for name in made.public_jwk if name != "kid"}, alg=alg)
    except JoseError as error:
        raise StoreUnavailable(f"the external key cannot be used: {error.detail}") from None
    return NewKey(public, _EXTERNAL + made.reference.encode("utf-8"))


def external_reference(secret: bytes) -> str | None:
    """Return where the external key of an opened row is found; None for a private key of our own."""
    if not secret.startswith(_EXTERNAL):
        return None
    return secret.removeprefix(_EXTERNAL).decode("utf-8", "replace")


def carry_out(
    plan: Plan, rows: Iterable[KeyRow], fresh: Sequence[NewKey], *, now: float, keks: KeyEncryptionKeys
) -> tuple[KeyRow, ...]:
    """Return the ring after a plan; rows that it does not name stay as they are, byte by byte.

    Args:
        plan: what to do.
        rows: the ring before.
        fresh: as many new keys as the plan wants, in its order.
        now: seconds since the epoch; dates every change.
        keks: seal what changes under their current version.

    Raises:
        KeyRingError: a row that has to change cannot be opened.
    """
    kept = (row for row in rows if row.kid not in plan.dropped)
    changed = (move(row, plan.moves[row.kid], now, keks) if row.kid in plan.moves else row for row in kept)
    new = (new_row(key, state, now, keks) for key, state in zip(fresh, plan.fresh, strict=True))
    return (*changed, *new)


def move(row: KeyRow, state: KeyState, now: float, keks: KeyEncryptionKeys) -> KeyRow:
    """Return a row in another state; a key that no longer verifies loses its private part for good."""
    secret = keks.open(row)
    if not row.state.verifies and state.verifies:
        raise KeyRingError(f"a key does not come back from {row.state} to {state}")
    dated: dict[str, Any] = {_TIMES[state]: now}
    moved = replace(row, state=state, **dated)
    return keks.seal(moved, secret if state.verifies else b"")


def new_row(key: NewKey, state: KeyState, now: float, keks: KeyEncryptionKeys) -> KeyRow:
    """Return the row of a new key, announced or active from the start."""
    row = KeyRow(
        kid=key.public.kid,
        alg=key.public.alg,
        public_jwk=dump_json(key.public.to_jwk()).decode("utf-8"),
        state=state,
        kek_version=keks.current,
        wrapped=b"",
        created_at=now,
        activated_at=now if state is KeyState.ACTIVE else None,
    )
    return keks.seal(row, key.secret)


def rewrapped(rows: Iterable[KeyRow], keks: KeyEncryptionKeys) -> tuple[KeyRow, ...]:
    """Return the rows with every one sealed under the current version; those that are stay as they are."""
    return tuple(row if row.kek_version == keks.current else keks.seal(row, keks.open(row)) for row in rows)
