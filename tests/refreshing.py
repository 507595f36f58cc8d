"""What the tests of sessions share: refreshing, quiet rings, several rings on one store."""

from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from sealring import Policy, Sealring, Sender, SessionPolicy, SessionTokens, Subject
from sealring.errors import SessionRevoked, TokenRevoked
from sealring.policy import RevocationPolicy
from sealring.sessions import SessionRow, SubjectLoader
from sealring.stores.memory import MemoryStore
from tests.gated import Place
from tests.support import ISSUER, WEB, Bench, Claims, bench, key_encryption, refresh_keys

OTHER_AGENT = Sender("todo-web", "Chrome")
OTHER_CLIENT = Sender("todo-cli", "Firefox")
# Nothing happens in the background while a test looks.
QUIET_FEED = RevocationPolicy(poll_every=timedelta(seconds=60), max_staleness=timedelta(seconds=60))


class LosingStore(MemoryStore):
    """A store that can fall back to an older state, as after a failover to a replica that lagged."""

    def put_back(self, row: SessionRow) -> None:
        self._sessions[row.sid] = row


def quiet(**sessions: Any) -> Policy:
    """Return a policy whose background work does not run within a test."""
    return Policy(
        app="todo",
        issuer=ISSUER,
        revocation=QUIET_FEED,
        sessions=SessionPolicy(
            **({"confirm_within": timedelta(seconds=30), "purge_every": timedelta(days=1)} | sessions)
        ),
    )


def refresh_token(tokens: SessionTokens) -> str:
    """Return the refresh token of an answer that brought one."""
    assert tokens.refresh_token is not None
    return tokens.refresh_token


async def refreshed(it: Bench, tokens: SessionTokens, **more: Any) -> SessionTokens:
    """Refresh with the token of some answer."""
    return await it.ring.refresh(refresh_token(tokens), **({"sender": WEB} | more))


async def settled_login(it: Bench) -> SessionTokens:
    """Open a session whose next refresh rotates."""
    tokens = await it.login()
    await it.settle(tokens)
    return tokens


async def row_of(it: Bench, tokens: SessionTokens) -> SessionRow:
    """Return the session of an answer as the store has it."""
    row = await it.ring.store.read_session(tokens.view.row.sid)
    assert row is not None
    return row


async def prove_dead(it: Bench, tokens: SessionTokens) -> None:
    """Prove that neither token of an answer is good for anything, once the news has arrived."""
    await it.ring.follower.catch_up()
    with pytest.raises(TokenRevoked):
        await it.ring.authenticate(tokens.access_token)
    if tokens.refresh_token is not None:
        with pytest.raises(SessionRevoked):
            await refreshed(it, tokens)


def one_more(place: Place, first: Bench, **sessions: Any) -> AbstractAsyncContextManager[Bench]:
    """Return a second bench on the same store, with the same clock."""
    return bench(policy=quiet(**sessions), store=place.open(), clock=first.clock)


def another_ring(place: Place, it: Bench, load_subject: SubjectLoader | None = None, **more: Any) -> Sealring[Claims]:
    """Return one more process of the same house, with one thing different."""

    async def load(subject_id: str) -> Subject | None:
        return it.subjects.get(subject_id)

    values: dict[str, Any] = {
        "policy": quiet(),
        "store": place.open(),
        "key_encryption": key_encryption(),
        "refresh_keys": refresh_keys(),
        "load_subject": load_subject or load,
        "claims": Claims,
        "clock": it.clock,
    }
    return Sealring(**(values | more))
