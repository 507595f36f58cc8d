"""Builders of records for tests: a sensible record, and only what the test is about changed by name."""

import secrets
from dataclasses import replace
from typing import Any, Final

from sealring.keys.record import KeyRow, KeyState
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions.record import Rotation, SessionRow

NOW: Final = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC, where a :class:`~sealring.clock.ManualClock` starts too."""

GRACE: Final = 20.0
"""Seconds of grace in the rotations that :func:`make_rotation` makes."""


def make_row(**changes: Any) -> SessionRow:  # noqa: ANN401 - the fields of a record have many types
    """Return a live session of "alice", opened 1,000 seconds ago and settled, with a random ``sid``.

    Args:
        changes: fields of :class:`~sealring.sessions.record.SessionRow`.
    """
    row = SessionRow(
        sid=secrets.token_bytes(16),
        subject="alice",
        subject_epoch=0,
        client_id="todo-web",
        secret_hash=bytes(range(32)),
        key_version=1,
        generation=1,
        rotated_at=NOW - 1_000,
        attempt=None,
        confirmed_generation=1,
        confirmed_at=NOW - 500,
        replay_generation=0,
        replay_streak=0,
        ep=0,
        idle_seconds=3_600.0,
        idle_end=NOW + 2_600,
        absolute_end=NOW + 86_400,
        persistent=True,
        revoked_at=None,
        revoked_reason=None,
        cnf_kind=None,
        cnf_thumbprint=None,
        sender_hint="firefox",
        auth_time=NOW - 1_000,
        amr="pwd",
        scope="",
        created_at=NOW - 1_000,
        last_seen=NOW - 500,
        device="Firefox on Linux",
    )
    return replace(row, **changes)


def make_rotation(row: SessionRow, **changes: Any) -> Rotation:  # noqa: ANN401
    """Return the rotation that a client of this session asks for at ``NOW``.

    Args:
        row: the session; its current generation is presented.
        changes: fields of :class:`~sealring.sessions.record.Rotation`.
    """
    rotation = Rotation(
        sid=row.sid,
        secret_hash=row.secret_hash,
        client_id=row.client_id,
        generation=row.generation,
        cnf_thumbprint=row.cnf_thumbprint,
        now=NOW,
        settled_before=NOW - GRACE,
        active_at=NOW,
        attempt="attempt-of-the-rotation",
        sender_hint="chrome",
        key_version=2,
    )
    return replace(rotation, **changes)


def make_denial(ident: str = "", **changes: Any) -> Denial:  # noqa: ANN401
    """Return the denial of an ended session.

    Args:
        ident: the session id; default a random one.
        changes: fields of :class:`~sealring.revocation.record.Denial`.
    """
    denial = Denial(DenialKind.SESSION, ident or secrets.token_hex(16), ENDED, NOW + 900)
    return replace(denial, **changes)


def make_key(kid: str = "", **changes: Any) -> KeyRow:  # noqa: ANN401
    """Return the row of an active key. It fits the columns of a store; no ring would find it authentic.

    Args:
        kid: the key id; default a random one.
        changes: fields of :class:`~sealring.keys.record.KeyRow`.
    """
    key = KeyRow(
        kid=kid or secrets.token_urlsafe(32),
        alg="ES256",
        public_jwk='{"kty":"EC"}',
        state=KeyState.ACTIVE,
        kek_version=1,
        wrapped=bytes(range(64)),
        created_at=NOW,
        activated_at=NOW,
    )
    return replace(key, **changes)
