"""The HTTP client of a service without a store, against real servers that do whatever they like."""

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.remote.addresses import AddressRule
from sealring.remote.http import HttpAnswer, HttpClient
from sealring.remote.urls import checked_url, origin_of
from tests.remote.certificates import serving
from tests.remote.raw_server import RawServer, Route, never, says, sends

pytestmark = pytest.mark.anyio

LIMIT = 10_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNK = b"1000\r\n" + b"x" * 4_096 + b"\r\n"


@asynccontextmanager
async def server(route: Route, path: str = "/") -> AsyncIterator[RawServer]:
    async with RawServer({path: route}) as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    client = HttpClient(AddressRule(("127.0.0.0/8",)))
    yield client
    await client.aclose()


async def fetch(client: HttpClient, url: str, within: float = 20.0) -> HttpAnswer:
    return await client.get(
        url, media_types=frozenset({"application/json"}), limit=LIMIT, within=within, headers={"X-Own": "1"}
    )


async def test_a_document_is_fetched_as_it_is_with_nothing_but_what_is_needed(client: HttpClient) -> None:
    async with server(says(b'{"a": 1}', media_type="Application/JSON; charset=utf-8", ETag='"1"')) as it:
        answer = await fetch(client, f"{it.url}/")
        assert (answer.status, answer.body, answer.headers["etag"]) == (200, b'{"a": 1}', '"1"')
        (asked,) = it.asked
        assert asked.headers == {
            "host": f"127.0.0.1:{it.port}",
            "accept": "application/json",
            "accept-encoding": "identity",
            "x-own": "1",
        }


async def test_a_document_that_was_not_changed_needs_no_body(client: HttpClient) -> None:
    async with server(sends(b"HTTP/1.1 304 Not Modified\r\n\r\n")) as it:
        assert (await fetch(client, f"{it.url}/")).status == 304


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_no_redirect_is_followed(client: HttpClient, status: str) -> None:
    async with RawServer({"/elsewhere": says({})}) as it:
        it.routes["/"] = says(b"", status=status, Location=f"{it.url}/elsewhere")
        with pytest.raises(StoreUnavailable, match="answered with status 30"):
            await fetch(client, f"{it.url}/")
        assert [each.path for each in it.asked] == ["/"]


REFUSED: dict[str, tuple[Route, str]] = {
    "an error": (says({}, status="500 Oops"), "status 500"),
    "a partial answer": (says({}, status="206 Partial Content"), "status 206"),
    "a page for people": (says(b"<html>", media_type="text/html"), "media type"),
    "no media type": (sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "media type"),
    "a media type that begins alike": (says({}, media_type="application/json5"), "media type"),
    "a compressed body": (says(gzip.compress(b"{}"), Content_Encoding="gzip"), "compressed"),
    "a body that says that it is too large": (sends(HEAD + b"Content-Length: 10000000000\r\n\r\n{"), "larger than"),
    "a body that is too large": (says(b"x" * (LIMIT + 1)), "larger than"),
    "a body without end": (sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK, for_ever=True), "larger than"),
    "a body without end and length": (sends(HEAD + b"\r\n", b"x" * 4_096, for_ever=True), "larger than"),
    "headers without end": (sends(HEAD, b"X-More: x\r\n" * 500, for_ever=True), "broke"),
    "half a body": (sends(HEAD + b"Content-Length: 100\r\n\r\n{"), "broke"),
    "half a chunk": (sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\nx"), "broke"),
    "nothing": (sends(b""), "broke"),
    "another protocol": (sends(b"SSH-2.0-OpenSSH_9.9\r\n"), "broke"),
    "two lengths": (sends(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"), "broke"),
    "a length that is none": (sends(HEAD + b"Content-Length: -1\r\n\r\n{}"), "broke"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_server_is_not_believed_that_sends(client: HttpClient, case: str) -> None:
    route, why = REFUSED[case]
    async with server(route) as it:
        with pytest.raises(StoreUnavailable, match=why) as caught:
            await fetch(client, f"{it.url}/")
        assert "html" not in caught.value.detail


SLOW: dict[str, Route] = {
    "nothing at all": never,
    "a header every tenth of a second": sends(HEAD, b"X-Drip: x\r\n", every=0.1, for_ever=True),
    "a byte every tenth of a second": sends(HEAD + b"Content-Length: 9000\r\n\r\n", b"x", every=0.1, for_ever=True),
}


@pytest.mark.parametrize("case", SLOW)
async def test_a_fetch_takes_no_longer_than_it_may_from_a_server_that_sends(client: HttpClient, case: str) -> None:
    async with server(SLOW[case]) as it:
        # Much longer than it may take, and much shorter than the server would.
        async with asyncio.timeout(60):
            with pytest.raises(StoreUnavailable, match=r"within 0\.5 seconds"):
                await fetch(client, f"{it.url}/", within=0.5)


async def test_after_every_kind_of_failure_the_client_still_works(client: HttpClient) -> None:
    for route, _ in REFUSED.values():
        async with server(route) as it:
            with pytest.raises(StoreUnavailable):
                await fetch(client, f"{it.url}/")
    async with server(says({})) as it:
        assert (await fetch(client, f"{it.url}/")).body == b"{}"


async def test_where_nobody_listens_the_sentence_says_so(client: HttpClient) -> None:
    async with RawServer() as it:
        url = f"{it.url}/"
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1 cannot be reached: nothing answers there"):
        await fetch(client, url)


@pytest.mark.parametrize("name", ["todo.test", "other.test"])
async def test_a_certificate_has_to_be_trusted_and_has_to_be_for_the_name(tmp_path: Path, name: str) -> None:
    async with RawServer({"/": says({})}, tls=serving(tmp_path, name)) as it:

        async def resolve(_: str, __: int) -> tuple[str, ...]:
            return ("127.0.0.1",)

        for trusted in (False, True):
            tls = ssl.create_default_context(cafile=tmp_path / f"{name}.pem") if trusted else None
            client = HttpClient(AddressRule(("127.0.0.0/8",)), resolve=resolve, tls=tls)
            url = f"https://todo.test:{it.port}/"
            if trusted and name == "todo.test":
                # The address was judged, the name was checked: connecting to one does not lose the other.
                assert (await fetch(client, url)).body == b"{}"
            else:
                with pytest.raises(StoreUnavailable, match="its certificate is not trusted"):
                    await fetch(client, url)
                assert it.asked == []
            await client.aclose()


URLS = {
    "file": "file:///etc/passwd", "ftp": "ftp://todo.example/", "data": "data:application/json,{}",
    "gopher": "gopher://todo.example/", "upper case": "HTTP://todo.example/", "plain http": "http://todo.example/",
    "no scheme": "todo.example/", "no host": "https:///x", "a user": "https://good@evil.example/",
    "a user and password": "https://u:p@evil.example/", "a fragment": "https://todo.example/#x",
    "a line break": "https://todo.example/\r\nHost: evil", "a tab": "https://todo.exa\tmple/",
    "a space": "https://a b/",
    "a backslash": "https://todo.example\\@evil.example/", "a port that is none": "https://todo.example:x/",
    "a port too high": "https://todo.example:65536/", "beyond ASCII": "https://tod\u00f6.example/",
    "a broken literal": "https://[::1/", "too long": "https://todo.example/" + "x" * 2_048, "empty": "",
}  # fmt: skip


@pytest.mark.parametrize("case", URLS)
def test_a_url_is_not_fetched_with(case: str) -> None:
    with pytest.raises(ConfigurationError):
        checked_url(URLS[case], plain_http=False)


@pytest.mark.parametrize(
    "value", [None, 7, True, ["https://todo.example"], {"url": "https://todo.example"}, b"https://a"]
)
def test_what_is_no_text_is_no_url(value: object) -> None:
    with pytest.raises(ConfigurationError):
        checked_url(value, plain_http=True)


def test_https_is_fetched_and_plain_http_where_it_was_allowed() -> None:
    assert checked_url("https://todo.example:8443/a?b=c", plain_http=False) == "https://todo.example:8443/a?b=c"
    assert origin_of(checked_url("http://[::1]:8000/a", plain_http=True)) == "http://[::1]:8000"
