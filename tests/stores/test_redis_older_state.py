"""A server that comes back with an older state, as after a failover that lost writes, or from a backup."""

import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from sealring.errors import RefreshInvalid, SessionRevoked, TokenRevoked
from sealring.events import DenialsRestored, GenerationLost
from sealring.policy import RevocationPolicy
from sealring.stores.redis import RedisStore
from tests.refreshing import quiet, refresh_token, refreshed, settled_login
from tests.stores.redis_help import answers, until
from tests.stores.valkey_server import ValkeyServer, valkey_server
from tests.support import bench

pytestmark = pytest.mark.anyio

FAST = replace(quiet(), revocation=RevocationPolicy(poll_every=timedelta(milliseconds=50)))


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for a test."""
    with valkey_server() as server:
        yield server


class Backup:
    """What a server has at one moment."""

    def __init__(self, server: ValkeyServer) -> None:
        self._server = server
        self._copy = server.folder / "copy"
        # Asked to stop it writes everything to its file first.
        server.stop()
        shutil.copytree(server.folder / "appendonlydir", self._copy)
        server.start()

    def put_back(self) -> None:
        """Take the server back to that moment."""
        self._server.stop(signal.SIGKILL)
        shutil.rmtree(self._server.folder / "appendonlydir")
        shutil.copytree(self._copy, self._server.folder / "appendonlydir")
        self._server.start()


async def test_what_a_process_knows_to_be_ended_is_ended_again_and_who_rotated_meanwhile_stays_in(
    valkey: ValkeyServer,
) -> None:
    store = RedisStore(valkey.url("timeout=2"))
    async with bench(policy=FAST, store=store) as it:
        staying, gone, raised = [await settled_login(it) for _ in range(3)]
        rows = {tokens.view.row.sid: tokens.view.row for tokens in (gone, raised)}
        backup = Backup(valkey)
        await until(lambda: answers(store))
        rotated = await refreshed(it, staying, attempt="first")
        late = await it.login()
        await it.ring.logout(refresh_token=refresh_token(gone))
        await it.ring.revoke_access(raised.view.row.session_id)
        backup.put_back()

        async def restored() -> bool:
            return bool(it.log.of(DenialsRestored))

        await until(restored)
        assert [(event.entries, event.sessions) for event in it.log.of(DenialsRestored)] == [(2, 2)]
        # The store has them again, so other processes hear of it, and a restart forgets nothing.
        ended, lower = [await store.read_session(sid) for sid in rows]
        assert ended is not None
        assert ended.revoked_reason == "restored"
        assert lower is not None
        assert lower.ep == 1
        assert {denial.ident for denial in (await store.read_feed(0, 10)).denials} == {sid.hex() for sid in rows}
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(gone.access_token)
        with pytest.raises(SessionRevoked):
            await refreshed(it, gone)
        assert (await it.ring.authenticate((await refreshed(it, raised)).access_token)).epoch == 1
        # Generation 2 was lost, and its holder has a token that proves that it was given.
        assert (await refreshed(it, rotated)).refresh_token is None
        assert len(it.log.of(GenerationLost)) == 1
        # What was lost once can be lost once more.
        backup.put_back()

        async def restored_again() -> bool:
            return len(it.log.of(DenialsRestored)) == 2

        await until(restored_again)
        await until(lambda: answers(store))
        with pytest.raises(SessionRevoked):
            await refreshed(it, gone)
        # The store lost this session whole, which no token brings back.
        with pytest.raises(RefreshInvalid):
            await refreshed(it, late)


async def test_a_server_that_lost_nothing_gets_nothing_back(valkey: ValkeyServer) -> None:
    store = RedisStore(valkey.url("timeout=2"))
    async with bench(policy=FAST, store=store) as it:
        tokens = await settled_login(it)
        await it.ring.logout(refresh_token=refresh_token(tokens))
        before = (await it.ring.store.read_feed(0, 10)).denials
        valkey.stop()
        valkey.start()

        await until(lambda: answers(store))
        # The second reading that ends from now on began after that.
        for _ in range(2):
            await it.ring.follower.completed()
        assert it.log.of(DenialsRestored) == []
        assert (await it.ring.store.read_feed(0, 10)).denials == before
