"""The one pass over the raw header lines."""

from hypothesis import given
from hypothesis import strategies as st

from sealring.web.request_headers import RequestHeaders

LINES = st.tuples(st.sampled_from([b"cookie", b"origin", b"host", b"x-other", b"authorization"]), st.binary(max_size=9))


@given(st.lists(LINES))
def test_every_line_is_kept_apart_and_in_order(lines: list[tuple[bytes, bytes]]) -> None:
    headers = RequestHeaders(lines)
    assert headers.cookie == tuple(value for name, value in lines if name == b"cookie")
    assert headers.origin == tuple(value for name, value in lines if name == b"origin")
    assert headers.authorization == tuple(value for name, value in lines if name == b"authorization")
    assert headers.referer == ()
