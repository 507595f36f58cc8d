"""Verifying on a running ring: what a token says comes back typed, and everything that is out of use is refused."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from sealring import AccessToken
from sealring.errors import StoreUnavailable, TokenExpired, TokenInvalid, TokenRevoked, TokenSuperseded, VersionUnknown
from sealring.events import TokenRefused, VersionUnseen
from sealring.jose import generate
from sealring.keys import KeyRow
from sealring.keys.record import KeyState
from sealring.revocation import Denial, DenialKind
from sealring.stores.memory import MemoryStore
from tests.access.forging import payload_of, signed, with_claims
from tests.gated import GatedStore, memory_place
from tests.jose.making import OTHER_KEY, token_of
from tests.keys.ring_store import bootstrap
from tests.refreshing import quiet, refreshed, settled_login
from tests.support import ISSUER, WEB, Bench, Claims, bench, key_encryption

pytestmark = pytest.mark.anyio

COOLDOWN = 10.0


async def rewrite(it: Bench, change: Callable[[KeyRow], KeyRow], *more: KeyRow) -> None:
    """Change the rows of the ring in the store, properly sealed."""
    snapshot = await it.ring.store.load_ring()
    rows = (change(row) for row in snapshot.rows)
    assert await it.ring.store.replace_ring(snapshot.revision, (*rows, *more))


def in_state(state: KeyState) -> Callable[[KeyRow], KeyRow]:
    """Return what moves the active key to another state."""

    def change(row: KeyRow) -> KeyRow:
        if row.state is not KeyState.ACTIVE:
            return row
        keks = key_encryption()
        private = keks.open(row) if state is KeyState.RETIRING else b""
        return keks.seal(replace(row, state=state, wrapped=b""), private)

    return change


def fresh_rows(it: Bench) -> tuple[KeyRow, ...]:
    return bootstrap(generate("ES256"), generate("ES256"), now=it.clock.now(), keks=key_encryption())


# Round trip


async def test_a_verified_token_says_what_the_session_says() -> None:
    async with bench(policy=quiet()) as it:
        it.subjects["ada"] = replace(it.subjects["ada"], claims=Claims(team="red"))
        login = await it.ring.begin_login("ada")
        tokens = await it.ring.open_session(login, it.subjects["ada"], sender=WEB, amr=("pwd", "otp"))
        row, now = tokens.view.row, int(it.clock.now())
        assert await it.ring.authenticate(tokens.access_token) == AccessToken(
            issuer=ISSUER,
            subject="ada",
            audience=(ISSUER,),
            expires_at=now + 900,
            issued_at=now,
            token_id=payload_of(tokens)["jti"],
            client_id="todo-web",
            session_id=row.session_id,
            generation=1,
            epoch=0,
            version=1,
            scope=("todos:read", "todos:write"),
            auth_time=now,
            amr=("pwd", "otp"),
            claims=Claims(team="red"),
        )


async def test_the_payload_has_the_claims_of_rfc_9068_and_ours_and_nothing_empty() -> None:
    async with bench(policy=quiet()) as it:
        payload = payload_of(await it.login())
        assert list(payload) == [
            "iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "gen", "ep", "ver", "auth_time", "scope",
            "team",
        ]  # fmt: skip
        assert all(value not in (None, "", []) for value in payload.values())
        assert all(isinstance(payload[name], int) for name in ("exp", "iat", "auth_time"))


async def test_two_tokens_of_one_moment_differ_in_their_id() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        again = await refreshed(it, tokens)
        one, other = payload_of(tokens), payload_of(again)
        assert one.pop("jti") != other.pop("jti")
        assert one == other


async def test_a_refresh_repeats_what_the_row_says_now() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await settled_login(it)
        assert await it.ring.revoke_access(tokens.view.row.session_id)
        again = await it.ring.authenticate((await refreshed(it, tokens)).access_token)
        assert (again.generation, again.epoch, again.auth_time) == (2, 1, int(tokens.view.row.auth_time))


async def test_a_verified_token_never_changes_and_cannot_be_had_from_anything_but_its_text() -> None:
    async with bench(policy=quiet()) as it:
        token = await it.ring.authenticate((await it.login()).access_token)
        for item in fields(token):
            with pytest.raises(FrozenInstanceError):
                setattr(token, item.name, None)
        assert token.sid.hex() == token.session_id


# Sessions, tokens and epochs


async def test_the_token_of_an_ended_session_is_revoked_at_once() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        await it.ring.logout(token=await it.ring.authenticate(tokens.access_token))
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(tokens.access_token)


async def test_a_raised_epoch_supersedes_the_tokens_below_it_and_the_next_refresh_brings_a_good_one() -> None:
    async with bench(policy=quiet()) as it:
        tokens, other = await settled_login(it), await it.login()
        assert await it.ring.revoke_access(tokens.view.row.session_id)
        with pytest.raises(TokenSuperseded) as caught:
            await it.ring.authenticate(tokens.access_token)
        assert caught.value.action.value == "refresh"
        await it.ring.authenticate((await refreshed(it, tokens)).access_token)
        await it.ring.authenticate(other.access_token)


async def test_a_token_with_a_forged_high_epoch_does_not_outlive_its_session() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        highest = signed(it, with_claims(payload_of(tokens), ep=2**53 - 1))
        await it.ring.authenticate(highest)
        await it.ring.end_all_sessions("ada")
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(highest)


async def test_a_single_token_can_be_denied_by_its_id_and_its_session_lives_on() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await settled_login(it)
        denial = Denial(DenialKind.TOKEN, payload_of(tokens)["jti"], 0, it.clock.now() + 1000)
        await it.ring.store.write_denial(denial)
        await it.ring.authenticate(tokens.access_token)
        await it.ring.follower.catch_up()
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(tokens.access_token)
        await it.ring.authenticate((await refreshed(it, tokens)).access_token)


async def test_of_a_token_that_is_expired_and_revoked_the_expiry_is_told() -> None:
    """So the client refreshes, and is told there that the session is over; nothing is given away before."""
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        await it.ring.end_all_sessions("ada")
        it.clock.advance(911)
        with pytest.raises(TokenExpired):
            await it.ring.authenticate(tokens.access_token)


# Keys


@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.DISTRUSTED])
async def test_the_tokens_of_a_key_that_is_out_of_use_are_superseded_and_nobody_is_logged_out(state: KeyState) -> None:
    async with bench(policy=quiet()) as it:
        tokens = await settled_login(it)
        await rewrite(it, in_state(state), *fresh_rows(it))
        assert await it.ring.keys.reload()
        with pytest.raises(TokenSuperseded):
            await it.ring.authenticate(tokens.access_token)
        await it.ring.authenticate((await refreshed(it, tokens)).access_token)


async def test_the_tokens_of_a_retiring_key_are_good() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        await rewrite(it, in_state(KeyState.RETIRING), *fresh_rows(it))
        assert await it.ring.keys.reload()
        await it.ring.authenticate(tokens.access_token)
        assert (await it.login()).access_token.split(".")[0] != tokens.access_token.split(".")[0]


async def test_a_key_that_the_feed_distrusts_is_refused_before_the_ring_is_read_again() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        kid = it.ring.keys.signer.kid
        await it.ring.store.write_denial(Denial(DenialKind.KEY, kid, 0, it.clock.now() + 1000))
        await it.ring.follower.catch_up()
        with pytest.raises(TokenSuperseded):
            await it.ring.authenticate(tokens.access_token)


async def test_a_forged_signature_is_invalid_even_under_a_key_that_is_out_of_use() -> None:
    """Only who held a token may learn that its key is out of use."""
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        await rewrite(it, in_state(KeyState.RETIRED), *fresh_rows(it))
        assert await it.ring.keys.reload()
        body, _, signature = tokens.access_token.rpartition(".")
        forged = f"{body}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBA'}"
        with pytest.raises(TokenInvalid):
            await it.ring.authenticate(forged)


async def test_a_key_made_by_another_process_is_found_with_one_look_into_the_store() -> None:
    place = memory_place()
    gated = GatedStore(place.open())
    async with (
        bench(policy=quiet(), store=place.open()) as one,
        bench(policy=quiet(), store=gated.port, clock=one.clock) as other,
    ):
        await rewrite(one, in_state(KeyState.RETIRING), *fresh_rows(one))
        assert await one.ring.keys.reload()
        tokens = await one.login()
        gated.calls.clear()
        for _ in range(3):
            await other.ring.authenticate(tokens.access_token)
        assert gated.calls == ["load_ring"]


async def test_unknown_keys_make_the_ring_ask_the_store_once_in_the_cool_down() -> None:
    gated = GatedStore(MemoryStore())
    async with bench(policy=quiet(), store=gated.port) as it:
        gated.calls.clear()
        foreign = token_of(key=OTHER_KEY)
        for _ in range(20):
            with pytest.raises(TokenInvalid):
                await it.ring.authenticate(foreign)
        assert gated.calls == ["load_ring"]
        assert len(it.log.of(TokenRefused)) == 20
        it.clock.advance(COOLDOWN)
        with pytest.raises(TokenInvalid):
            await it.ring.authenticate(foreign)
        assert gated.calls == ["load_ring", "load_ring"]


async def test_when_the_store_is_away_an_unknown_key_is_no_proof_of_a_forgery() -> None:
    gated = GatedStore(MemoryStore())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await it.login()
        gated.fail("load_ring", times=1)
        with pytest.raises(StoreUnavailable):
            await it.ring.authenticate(token_of(key=OTHER_KEY))
        # And whoever has a token of a known key notices nothing.
        await it.ring.authenticate(tokens.access_token)


# Versions of the claims


async def test_claims_of_a_newer_version_are_for_a_newer_server_and_told_with_their_number() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        with pytest.raises(VersionUnknown) as caught:
            await it.ring.authenticate(signed(it, with_claims(payload_of(tokens), ver=7)))
        assert (caught.value.status, caught.value.action.value) == (503, "retry")
        assert [(event.kind, event.version) for event in it.log.of(VersionUnseen)] == [("claims", 7)]


async def test_claims_of_a_version_out_of_use_are_refreshed() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        with pytest.raises(TokenSuperseded):
            await it.ring.authenticate(signed(it, with_claims(payload_of(tokens), ver=0)))


async def test_a_newer_version_of_a_session_that_ended_is_over_all_the_same() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        await it.ring.end_all_sessions("ada")
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(signed(it, with_claims(payload_of(tokens), ver=7)))


# No network


async def test_verifying_asks_no_store() -> None:
    gated = GatedStore(MemoryStore())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await it.login()
        gated.calls.clear()
        for _ in range(10):
            it.ring.confirm(await it.ring.authenticate(tokens.access_token))
        with pytest.raises(TokenInvalid):
            await it.ring.authenticate(tokens.access_token + "x")
        assert gated.calls == []
