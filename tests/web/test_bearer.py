"""The Authorization header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import RequestInvalid
from sealring.web.bearer import read_bearer

TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]{1,60}={0,3}", fullmatch=True)


@given(TOKENS, st.sampled_from(["Bearer", "bearer", "BEARER", "bEaReR"]), st.integers(1, 3))
def test_a_well_formed_token_is_read_whatever_the_case_of_the_scheme(token: str, scheme: str, spaces: int) -> None:
    assert read_bearer((f"{scheme}{' ' * spaces}{token}".encode(),)) == token


def test_no_header_is_no_token() -> None:
    assert read_bearer(()) is None


@pytest.mark.parametrize(
    "value", [b"Basic dXNlcjpwYXNz", b"Digest username=a, realm=b", b"Negotiate", b"DPoP abc", b"Bearer2 abc"]
)
def test_another_scheme_is_left_to_the_application(value: bytes) -> None:
    assert read_bearer((value,)) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"Bearer",
        b"Bearer ",
        b"Bearer\tabc",
        b"Bearer abc def",
        b"Bearer abc,def",
        b"Bearer abc, Bearer def",
        b"Bearer abc, Basic def",
        b"Basic abc, Bearer def",
        b"Basic abc,bearer\tdef",
        b'Bearer "abc"',
        b"Bearer abc ",
        b" Bearer abc",
        b"Bearer =",
        b"Bearer a=b",
        b"Bearer abc\r\nX: y",
        b"Bearer abc\n",
        b"Bearer ab\x00c",
        b"Bearer \xef\xbb\xbfabc",
        b"\xef\xbb\xbfBearer abc",
        b"Bearer: abc",
        b"Bearer token=abc",
        b"B\xe9arer abc",
        b"(odd) abc",
    ],
)
def test_everything_else_is_a_malformed_request(value: bytes) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read_bearer((value,))
    assert "abc" not in caught.value.detail


@given(st.lists(st.sampled_from([b"Bearer abc", b"Basic abc", b""]), min_size=2, max_size=4))
def test_two_headers_are_a_malformed_request(values: list[bytes]) -> None:
    with pytest.raises(RequestInvalid):
        read_bearer(tuple(values))


@given(st.binary(max_size=60))
def test_no_bytes_whatever_lead_to_anything_else(value: bytes) -> None:
    try:
        token = read_bearer((value,))
    except RequestInvalid:
        return
    assert token is None or value.lower().startswith(b"bearer ")
