"""The public documents as HTTP gives them: exact, cacheable, and not sent again to who has them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI

from sealring import KeyPolicy, Policy
from sealring.fastapi import LoginApproved, auth_router, protect
from sealring.jose import import_public_jwk
from sealring.web.conditional import entity_tag, is_known
from tests.refreshing import QUIET_FEED
from tests.support import ISSUER, Bench, bench

pytestmark = pytest.mark.anyio

JWKS, METADATA = "/.well-known/jwks.json", "/.well-known/oauth-authorization-server"


async def nobody() -> LoginApproved | None:
    return None


@asynccontextmanager
async def site(issuer: str = ISSUER, keys: KeyPolicy | None = None) -> AsyncIterator[tuple[Bench, httpx2.AsyncClient]]:
    """Run the endpoints of a ring, and a client without any credential."""
    policy = Policy(app="todo", issuer=issuer, keys=keys or KeyPolicy(), revocation=QUIET_FEED)
    async with bench(policy=policy) as it:
        app = FastAPI()
        protect(app, it.ring)
        app.include_router(auth_router(it.ring, authenticate=nobody))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=ISSUER) as http:
            yield it, http


async def test_the_published_keys_are_those_of_the_ring() -> None:
    async with site() as (it, http):
        answer = await http.get(JWKS)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/jwk-set+json"
        assert answer.json() == it.ring.keys.jwks()
        assert import_public_jwk(answer.json()["keys"][0]).kid == it.ring.keys.signer.kid


async def test_the_metadata_names_the_issuer_exactly_and_where_the_keys_really_are() -> None:
    async with site() as (_, http):
        answer = await http.get(METADATA)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        document = answer.json()
        assert document["issuer"] == ISSUER
        assert (await http.get(document["jwks_uri"])).status_code == 200
        for url in (value for name, value in document.items() if name.endswith("_endpoint")):
            assert (await http.post(url)).status_code != 404


async def test_an_issuer_with_a_path_is_found_between_host_and_path_only() -> None:
    async with site(f"{ISSUER}/tenant") as (_, http):
        answer = await http.get(f"{METADATA}/tenant")
        assert answer.json()["issuer"] == f"{ISSUER}/tenant"
        assert (await http.get(answer.json()["jwks_uri"])).status_code == 200
        for elsewhere in (METADATA, f"/tenant{METADATA}"):
            assert (await http.get(elsewhere)).status_code == 404


@pytest.mark.parametrize("path", [JWKS, METADATA])
async def test_both_may_be_cached_as_long_as_the_policy_says_and_no_longer(path: str) -> None:
    async with site(keys=KeyPolicy(jwks_max_age=timedelta(seconds=77))) as (_, http):
        assert (await http.get(path)).headers["cache-control"] == "public, max-age=77"


@pytest.mark.parametrize("path", [JWKS, METADATA])
async def test_who_has_the_present_document_is_not_sent_it_again(path: str) -> None:
    async with site() as (it, http):
        first = await http.get(path)
        tag = first.headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = await http.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            # RFC 9110 section 15.4.5: what a 200 would have said about caching.
            assert again.headers["etag"] == tag
            assert again.headers["cache-control"] == first.headers["cache-control"]
            assert "content-type" not in again.headers
        it.clock.advance(it.ring.policy.keys.period.total_seconds())
        await it.ring.keys.rotate()
        after = await http.get(path, headers={"If-None-Match": tag})
        assert after.status_code == (200 if path == JWKS else 304)


async def test_a_distrusted_key_is_gone_from_the_set_and_the_next_one_stands_in_it() -> None:
    async with site() as (it, http):
        before = [key["kid"] for key in (await http.get(JWKS)).json()["keys"]]
        await it.ring.distrust_key(before[0])
        after = [key["kid"] for key in (await http.get(JWKS)).json()["keys"]]
        assert after[0] == before[1]
        assert before[0] not in after
        assert len(after) == 2


def test_a_tag_is_known_only_as_a_whole() -> None:
    tag = entity_tag(b"body")
    assert tag == entity_tag(b"body") != entity_tag(b"other")
    assert tag[0] == tag[-1] == '"'
    assert "," not in tag
    for other in (None, "", tag[:-1], tag.strip('"'), f"{tag}x", tag.lower() if tag != tag.lower() else '"x"', '"*"'):
        assert not is_known(other, tag)
