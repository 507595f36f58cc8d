"""Versions of claims through the whole ring: several processes on one store, and what the events say."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from sealring import ClaimsSchema, Policy, Sealring, SessionTokens, Subject
from sealring.clock import ManualClock
from sealring.errors import ConfigurationError, TokenSuperseded, VersionUnknown
from sealring.events import TokenRefused, VersionUnseen
from sealring.jose import b64u_encode
from sealring.policy import AccessPolicy
from sealring.settings import SealringSettings
from sealring.stores.memory import MemoryStore
from tests.access.issuing import payload
from tests.access.test_versions import BOTH, NEW, OLD, One, Two
from tests.support import ISSUER, WEB, EventLog, key_encryption, refresh_keys

pytestmark = pytest.mark.anyio


class _KeptStore(MemoryStore):
    """A memory store that several rings share: the first opens it, nobody closes it."""

    async def __aexit__(self, *_: object) -> None:
        """Stay open."""


class Place:
    """One store and one clock for the rings of several processes."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.store, self.clock, self.log = _KeptStore(), ManualClock(), EventLog()
        self._stack = stack

    async def ring(self, schema: ClaimsSchema[Any], version: int | None = None) -> Sealring[Any]:
        """Start a process that knows these versions and writes that one."""

        async def load_subject(subject_id: str) -> Subject | None:
            return Subject(subject_id, schema.model())

        made = Sealring(
            policy=Policy(app="todo", issuer=ISSUER, access=AccessPolicy(version=version)),
            store=self.store,
            key_encryption=key_encryption(),
            refresh_keys=refresh_keys(),
            load_subject=load_subject,
            claims=schema,
            sinks=[self.log],
            clock=self.clock,
        )
        await self._stack.enter_async_context(made)
        return made

    async def login(self, ring: Sealring[Any], schema: ClaimsSchema[Any]) -> SessionTokens:
        """Sign in at a process."""
        return await ring.open_session(await ring.begin_login("ada"), Subject("ada", schema.model()), sender=WEB)

    async def refreshed(self, ring: Sealring[Any], tokens: SessionTokens) -> SessionTokens:
        """Refresh at a process, as a client does that was sent to."""
        assert tokens.refresh_token is not None
        return await ring.refresh(tokens.refresh_token, sender=WEB)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(stack)


async def test_writers_follow_readers_so_no_process_meets_a_token_that_it_cannot_read(place: Place) -> None:
    old, new = await place.ring(OLD), await place.ring(BOTH)
    for writer, schema in ((old, OLD), (new, BOTH)):
        tokens = await place.login(writer, schema)
        assert payload(tokens.access_token)["ver"] == 1
        assert (await old.authenticate(tokens.access_token)).claims == One()
        assert (await new.authenticate(tokens.access_token)).claims == Two()
    assert not {"version_unseen", "token_refused"} & set(place.log.names())


async def test_token_of_a_hasty_writer_is_retried_and_reported_but_never_logs_out(place: Place) -> None:
    old, hasty = await place.ring(OLD), await place.ring(BOTH, version=2)
    tokens = await place.login(hasty, BOTH)
    with pytest.raises(VersionUnknown) as refused:
        await old.authenticate(tokens.access_token)
    assert (refused.value.action, refused.value.status, refused.value.retry_after) == ("retry", 503, 1)
    (event,) = place.log.of(VersionUnseen)
    assert (event.kind, event.version) == ("claims", 2)
    caught_up = await place.ring(BOTH, version=2)
    assert (await caught_up.authenticate(tokens.access_token)).claims == Two()


async def test_token_of_a_version_that_was_dropped_is_refreshed_into_the_new_one(place: Place) -> None:
    old, new = await place.ring(OLD), await place.ring(NEW)
    tokens = await place.login(old, OLD)
    with pytest.raises(TokenSuperseded) as refused:
        await new.authenticate(tokens.access_token)
    assert refused.value.action == "refresh"
    fresh = await place.refreshed(new, tokens)
    assert payload(fresh.access_token)["ver"] == 2
    assert (await new.authenticate(fresh.access_token)).claims == Two()


async def test_upgrade_with_a_mistake_costs_one_refresh_and_no_login(place: Place) -> None:
    def mistaken(_: One) -> Two:
        raise ZeroDivisionError

    schema = OLD.then(Two, upgrade=mistaken)
    old, new = await place.ring(OLD), await place.ring(schema, version=2)
    tokens = await place.login(old, OLD)
    with pytest.raises(TokenSuperseded):
        await new.authenticate(tokens.access_token)
    (event,) = place.log.of(TokenRefused)
    assert (event.code, event.detail) == ("token_superseded", "claims version 1 cannot be read: ZeroDivisionError")
    fresh = await place.refreshed(new, tokens)
    assert (await new.authenticate(fresh.access_token)).claims == Two()


async def test_session_that_has_ended_is_told_so_whatever_version_its_token_carries(place: Place) -> None:
    old, hasty = await place.ring(OLD), await place.ring(BOTH, version=2)
    tokens = await place.login(hasty, BOTH)
    await old.end_all_sessions("ada")
    with pytest.raises(Exception, match="its session has ended"):
        await old.authenticate(tokens.access_token)


async def test_claims_of_a_subject_that_says_none_are_the_defaults_of_the_newest_model(place: Place) -> None:
    ring = await place.ring(BOTH, version=2)
    tokens = await ring.open_session(await ring.begin_login("ada"), Subject("ada"), sender=WEB)
    assert (await ring.authenticate(tokens.access_token)).claims == Two()


def _settings(**values: Any) -> SealringSettings:
    keys = {name: f"1:{b64u_encode(secrets.token_bytes(32))}" for name in ("key_encryption_keys", "refresh_keys")}
    return SealringSettings(issuer=ISSUER, **{**keys, **values})


async def _nobody(_: str) -> Subject | None:
    return None


@pytest.mark.parametrize("version", [3, 7])
def test_version_in_the_settings_that_is_not_registered_is_refused_when_the_ring_is_built(version: int) -> None:
    with pytest.raises(ConfigurationError, match=f"version {version} is to be written"):
        _settings(claims_version=version).build(load_subject=_nobody, claims=BOTH)


def test_settings_name_the_version_the_audiences_and_the_former_issuers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEALRING_CLAIMS_VERSION", "2")
    monkeypatch.setenv("SEALRING_AUDIENCE", "https://api.example, https://mail.example")
    monkeypatch.setenv("SEALRING_FORMER_ISSUERS", "https://old.example,https://older.example")
    policy = _settings().build(load_subject=_nobody, claims=BOTH).policy
    assert policy.access.version == 2
    assert policy.audience == ("https://api.example", "https://mail.example")
    assert policy.issuers == {ISSUER, "https://old.example", "https://older.example"}


def test_settings_that_say_nothing_leave_version_audience_and_issuers_to_their_defaults() -> None:
    policy = _settings().build(load_subject=_nobody, claims=BOTH).policy
    assert policy.access.version is None
    assert policy.audience == (ISSUER,)
    assert policy.issuers == {ISSUER}
