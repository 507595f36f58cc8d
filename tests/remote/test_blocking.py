"""The verifier for threads: the same verdicts, from any of them, and nothing left when it is closed."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from sealring.errors import ConfigurationError, StoreUnavailable, TokenInvalid, TokenRevoked
from sealring.remote import BlockingVerifier
from tests.remote.issuer import PATIENCE, issuer

pytestmark = pytest.mark.anyio


async def test_threads_verify_and_learn_what_ends() -> None:
    async with issuer() as it:
        tokens = await it.it.login()
        blocking = BlockingVerifier(it.verifier())
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(8) as pool:
            await loop.run_in_executor(pool, blocking.__enter__)
            try:
                asking = [loop.run_in_executor(pool, blocking.authenticate, tokens.access_token) for _ in range(64)]
                assert {each.subject for each in await asyncio.gather(*asking)} == {"ada"}
                assert (await loop.run_in_executor(pool, blocking.state)).ready
                with pytest.raises(TokenInvalid):
                    await loop.run_in_executor(pool, blocking.authenticate, "nonsense")
                await it.it.ring.logout(refresh_token=tokens.refresh_token)

                def until_refused() -> None:
                    while True:
                        blocking.authenticate(tokens.access_token)

                with pytest.raises(TokenRevoked):
                    await asyncio.wait_for(loop.run_in_executor(pool, until_refused), PATIENCE)
            finally:
                await loop.run_in_executor(pool, blocking.close)
            await loop.run_in_executor(pool, blocking.close)
    with pytest.raises(ConfigurationError, match="Enter the verifier first"):
        blocking.authenticate(tokens.access_token)
    assert "sealring verifier" not in {thread.name for thread in threading.enumerate()}


async def test_one_that_could_not_start_leaves_no_thread() -> None:
    async with issuer() as it:
        reports = it.verifier(audience="reports", feed=it.access("nobody"), fetching=it.hasty)
        with pytest.raises(StoreUnavailable):
            await asyncio.to_thread(BlockingVerifier(reports).__enter__)
    assert "sealring verifier" not in {thread.name for thread in threading.enumerate()}
