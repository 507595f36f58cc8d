"""Rows and presented tokens for the tests of the rules."""

import hashlib
from typing import Any

from sealring.policy import SessionPolicy
from sealring.sessions import Presented, Sender, SessionRow
from sealring.sessions.record import Confirmation, Rotation

NOW = 1_000_000.0
DAY = 86_400.0
POLICY = SessionPolicy()
GRACE = POLICY.grace.total_seconds()
SID = bytes(range(16))
SECRET_HASH = hashlib.sha256(b"the secret of the session").digest()
WEB = Sender("todo-web", "Firefox")
OTHER_AGENT = Sender("todo-web", "Chrome")
OTHER_CLIENT = Sender("todo-cli", "Firefox")


def a_row(**changes: Any) -> SessionRow:
    """Return a session in its fifth generation, confirmed long ago, so that its predecessor is settled history."""
    values: dict[str, Any] = {
        "sid": SID,
        "subject": "ada",
        "subject_epoch": 0,
        "client_id": WEB.client_id,
        "secret_hash": SECRET_HASH,
        "key_version": 1,
        "generation": 5,
        "rotated_at": NOW - 3600,
        "attempt": "first",
        "confirmed_generation": 5,
        "confirmed_at": NOW - 3500,
        "replay_generation": 0,
        "replay_streak": 0,
        "ep": 0,
        "idle_seconds": 7 * DAY,
        "idle_end": NOW + 6 * DAY,
        "absolute_end": NOW + 29 * DAY,
        "persistent": True,
        "revoked_at": None,
        "revoked_reason": None,
        "cnf_kind": None,
        "cnf_thumbprint": None,
        "sender_hint": WEB.hint,
        "auth_time": NOW - DAY,
        "amr": "pwd",
        "scope": "todos:read todos:write",
        "created_at": NOW - DAY,
        "last_seen": NOW - 3500,
        "device": "Firefox on Linux",
    }
    return SessionRow(**(values | changes))


def unsettled_row(**changes: Any) -> SessionRow:
    """Return the same session when nobody has shown yet to have its fifth generation."""
    return a_row(**({"confirmed_generation": 4} | changes))


def presented(generation: int, **changes: Any) -> Presented:
    """Return a token of a generation, presented by the session's own browser in its first attempt."""
    values: dict[str, Any] = {
        "generation": generation,
        "secret_hash": SECRET_HASH,
        "attempt": "first",
        "sender": WEB,
        "active_at": None,
        "key_version": 1,
    }
    return Presented(**(values | changes))


def a_rotation(**changes: Any) -> Rotation:
    """Return the hot write that fits :func:`a_row`."""
    values: dict[str, Any] = {
        "sid": SID,
        "secret_hash": SECRET_HASH,
        "client_id": WEB.client_id,
        "generation": 5,
        "cnf_thumbprint": None,
        "now": NOW,
        "settled_before": NOW - GRACE,
        "active_at": None,
        "attempt": "second",
        "sender_hint": WEB.hint,
        "key_version": 1,
    }
    return Rotation(**(values | changes))


def a_sighting(generation: int, seen_at: float = NOW) -> Confirmation:
    """Return the news that a generation of the session was seen."""
    return Confirmation(SID, generation, seen_at)
