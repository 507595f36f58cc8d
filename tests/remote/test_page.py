"""The page about other services shows code that runs, pages that are read, and numbers that hold."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from sealring import RevocationPolicy
from sealring.fastapi import revocations
from sealring.jose.jwks import MAX_JWKS_BYTES
from sealring.remote import BlockingVerifier, ForeignVerifier, RemotePolicy, Verifier, discovery, keys
from sealring.revocation.wire import MAX_PAGE, MAX_PAGE_BYTES, decode_page
from tests.remote.issuer import SECRET
from tests.support import bench

PAGE = (Path(__file__).parents[2] / "docs" / "other-services.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def run() -> dict[str, Any]:
    """Run every block of the page, one after the other; return what they define."""
    defined: dict[str, Any] = {"__name__": "page", "reports_secret": SECRET}
    for block in blocks("python"):
        exec(compile(block, "docs/other-services.md", "exec"), defined)
    return defined


@pytest.mark.anyio
async def test_every_block_of_the_page_runs(run: dict[str, Any]) -> None:
    assert isinstance(run["verifier"], Verifier)
    assert isinstance(run["blocking"], BlockingVerifier)
    assert isinstance(run["partners"], ForeignVerifier)
    app: FastAPI = run["app"]
    assert {"/report", "/partner"} <= {getattr(route, "path", "") for route in app.routes}
    assert run["development"].plain_http
    assert not run["inside"].plain_http
    async with bench() as it:

        class Settings:
            def known_callers(self) -> list[str]:
                return []

        assert run["feed_of"](it.ring, Settings()).routes


def test_the_page_of_the_feed_reads_as_the_text_says() -> None:
    (example,) = blocks("json")
    page = decode_page(example.encode())
    assert (page.more, page.reset, page.at) == (True, True, 0.012)
    assert [(each.kind.value, each.expires_at) for each in page.denials] == [
        ("session", 1_767_226_505), ("session", 1_767_226_505), ("token", 1_767_225_660), ("key", 1_767_312_000),
    ]  # fmt: skip
    assert page.denials[0].ident == "0f" * 16
    assert page.denials[1].least_epoch == 3


def test_the_numbers_of_the_page_are_the_defaults() -> None:
    policy, fetching = RevocationPolicy(), RemotePolicy()
    assert (policy.max_staleness, policy.poll_every) == (timedelta(seconds=5), timedelta(seconds=1))
    assert (policy.ask_within, policy.accept_stale_for) == (timedelta(milliseconds=250), timedelta(0))
    assert (fetching.keys_max_age, fetching.keys_stale_for) == (timedelta(minutes=5), timedelta(hours=1))
    assert (fetching.unknown_key_every, fetching.fetch_within) == (timedelta(minutes=1), timedelta(seconds=5))
    assert fetching.start_within == timedelta(seconds=10)
    assert (keys._LEAST_AGE, keys._MOST_AGE) == (30, 3_600)
    assert (MAX_JWKS_BYTES, discovery._LONGEST, MAX_PAGE_BYTES) == (256 * 1024, 64 * 1024, 512 * 1024)
    assert (MAX_PAGE, revocations.LONGEST_WAIT) == (1_000, 20)
    assert (revocations._HEARTBEAT, revocations._STREAM_FOR) == (1, 5)
