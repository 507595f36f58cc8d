"""The one shape of every error answer."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring import errors
from sealring.errors import (
    CsrfRefused,
    InsufficientScope,
    NotAuthenticated,
    RateLimited,
    RefusedError,
    RequestInvalid,
    StoreUnavailable,
    TokenExpired,
    TokenMissing,
    ValidationFailed,
)
from sealring.web.answers import challenge, error_answer

CODES = json.loads((Path(__file__).parents[2] / "spec" / "error-codes.json").read_text())["codes"]
REFUSALS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, RefusedError) and hasattr(kind, "code")
]


def answer(error: RefusedError) -> tuple[int, dict[bytes, bytes], dict[str, object]]:
    status, headers, body = error_answer(error, "1f", "todo")
    assert len({name for name, _ in headers}) == len(headers), "a header came twice"
    found = dict(headers)
    assert int(found[b"content-length"]) == len(body)
    return status, found, json.loads(body)


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.code)
def test_every_refusal_answers_as_the_contract_says(kind: type[RefusedError]) -> None:
    status, headers, body = answer(kind())
    promised = CODES[kind.code]
    assert status == promised["status"]
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"cache-control"] == b"no-store"
    expected = {"error": promised["error"], "error_description": promised["message"], "code": kind.code}
    expected |= {"action": promised["action"], "request_id": "1f"}
    assert {**body, "fields": None} == {**expected, "fields": None}
    assert ("fields" in body) == (kind is ValidationFailed)


@pytest.mark.parametrize("kind", REFUSALS, ids=lambda kind: kind.code)
def test_a_challenge_comes_with_every_401_and_with_insufficient_scope(kind: type[RefusedError]) -> None:
    status, headers, _ = answer(kind())
    assert (b"www-authenticate" in headers) == (status == 401 or kind is InsufficientScope)


@pytest.mark.parametrize("kind", [NotAuthenticated, TokenMissing, errors.CredentialsInvalid, errors.SessionReused])
def test_the_challenge_is_bare_where_there_is_no_bearer_error(kind: type[RefusedError]) -> None:
    assert challenge(kind(), "todo") == b'Bearer realm="todo"'


def test_the_challenge_names_the_error_of_a_bad_token() -> None:
    assert challenge(TokenExpired(), "todo") == (
        b'Bearer realm="todo", error="invalid_token", error_description="The access token has expired."'
    )


def test_the_challenge_names_the_scope_that_is_missing() -> None:
    value = challenge(InsufficientScope(("todo:write", "admin")), "todo")
    assert value.endswith(b', scope="todo:write admin"')
    assert b'error="insufficient_scope"' in value


QUOTED = re.compile(rb'Bearer [a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]*"(?:, [a-z_]+="[\x20-\x21\x23-\x5b\x5d-\x7e]*")*')


@given(st.text(), st.lists(st.text(), max_size=4))
def test_no_realm_or_scope_can_break_out_of_the_challenge(realm: str, scope: list[str]) -> None:
    assert QUOTED.fullmatch(challenge(InsufficientScope(tuple(scope)), realm))


@given(st.text(), st.text(), st.text())
def test_the_body_is_ascii_json_whatever_the_fields_are_called(field: str, why: str, request_id: str) -> None:
    _, _, body = error_answer(ValidationFailed(((field, why),)), request_id, "todo")
    assert body.isascii()
    parsed = json.loads(body)
    assert parsed["fields"] == [{"field": field, "message": why}]
    assert parsed["request_id"] == request_id


@given(st.text(min_size=8, alphabet="XYZ"))
def test_the_detail_of_an_error_stays_in_the_log(detail: str) -> None:
    for kind in (RequestInvalid, CsrfRefused, TokenExpired, StoreUnavailable):
        _, headers, body = error_answer(kind(detail), "1f", "todo")
        assert detail.encode() not in body + b"".join(value for _, value in headers)


def test_retry_after_is_sent_where_the_error_knows_it() -> None:
    assert answer(RateLimited(retry_after=7))[1][b"retry-after"] == b"7"
    assert answer(StoreUnavailable())[1][b"retry-after"] == b"1"
    assert answer(RateLimited(retry_after=-3))[1][b"retry-after"] == b"0"
    assert b"retry-after" not in answer(RequestInvalid())[1]
