"""Attacks with claims and token kinds: C1 to C7. Every token is signed with the right key; only a claim is wrong."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sealring import AccessPolicy, Policy, SessionTokens, Subject
from sealring.errors import (
    ConfigurationError,
    JoseError,
    RefreshInvalid,
    RefusedError,
    SubjectInactive,
    TokenExpired,
    TokenInvalid,
)
from sealring.events import FeedFresh, FeedStale, TokenRefused
from sealring.jose import JwsVerifier
from tests.access.forging import MISSING, Raw, payload_of, signed, with_claims
from tests.support import ISSUER, WEB, Bench, bench, signing_key

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_network")]

DAY = 86_400
EXACT = timedelta(0)


@asynccontextmanager
async def house(
    *, leeway: timedelta = EXACT, audience: str | None = None
) -> AsyncIterator[tuple[Bench, SessionTokens]]:
    """Run a ring with a session, by default without any leeway so that every second counts."""
    policy = Policy(app="todo", issuer=ISSUER, access=AccessPolicy(leeway=leeway, audience=audience))
    async with bench(policy=policy) as it:
        yield it, await it.login()


async def answer(it: Bench, token: str) -> str:
    """Return ``accepted``, or the code of the refusal; a refusal is told once and changes nothing."""
    told, denied = len(it.log.events), len(it.ring.denylist)
    refusal: RefusedError | None = None
    try:
        await it.ring.authenticate(token)
    except RefusedError as error:
        refusal = error
    # That its clock has jumped is news to a process, and none about the token.
    events = [event for event in it.log.events[told:] if not isinstance(event, FeedStale | FeedFresh)]
    assert len(it.ring.denylist) == denied
    if refusal is None:
        assert events == []
        return "accepted"
    assert events == [TokenRefused(code=refusal.code, detail=refusal.detail)]
    assert refusal.status == 401
    return refusal.code


async def verdict(it: Bench, tokens: SessionTokens, **changes: object) -> str:
    """Return what comes of the session's access token when some of its claims are others."""
    return await answer(it, signed(it, with_claims(payload_of(tokens), **changes)))


async def test_the_token_itself_is_good_so_that_only_the_changed_claim_can_be_refused() -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens) == "accepted"
        assert await answer(it, tokens.access_token) == "accepted"


# C1, times

NO_DATES = {
    "is missing": MISSING,
    "is null": None,
    "is true": True,
    "is false": False,
    "is a text with a number": "1767226500",
    "is an empty text": "",
    "is a list": [1767226500],
    "is an object": {"seconds": 1767226500},
    "is before 1970": -1,
    "is 1e400, an infinity once it is read": Raw("1e400"),
    "is NaN": Raw("NaN"),
    "is Infinity": Raw("Infinity"),
    "is 10 to the 30th": Raw("1" + "0" * 30),
    "is a number of 5,000 digits": Raw("9" * 5_000),
    "is after the year 9999": 253_402_300_800,
    "is in milliseconds": 1_767_225_600_000,
}


@pytest.mark.parametrize("name", ["exp", "iat", "auth_time"])
@pytest.mark.parametrize("value", [pytest.param(value, id=case) for case, value in NO_DATES.items()])
async def test_c1_a_time_that_is_no_date_is_refused(name: str, value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, **{name: value}) == "token_invalid"


@pytest.mark.parametrize(
    "value", [pytest.param(value, id=case) for case, value in NO_DATES.items() if value is not MISSING]
)
async def test_c1_a_not_before_that_is_no_date_is_refused(value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, nbf=value) == "token_invalid"


@pytest.mark.parametrize("value", [0, 0.5, 253_402_300_799])
async def test_c1_the_first_and_the_last_of_all_dates_are_dates(value: float) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, auth_time=value) == "accepted"


@pytest.mark.parametrize(
    ("after", "expected"),
    [(-900, "token_expired"), (-1, "token_expired"), (0, "token_expired"), (0.001, "accepted"), (1, "accepted")],
    ids=["long past", "a second ago", "this very moment", "a moment from now", "in a second"],
)
async def test_c1_a_token_is_good_until_its_expiry_and_not_at_it(after: float, expected: str) -> None:
    async with house() as (it, tokens):
        now = it.clock.now()
        assert await verdict(it, tokens, iat=now - 1_000, exp=now + after) == expected


@pytest.mark.parametrize(
    ("life", "expected"),
    [(DAY, "accepted"), (DAY + 1, "token_invalid"), (10 * 365 * DAY, "token_invalid"), (0, "token_invalid"),
     (-1, "token_invalid")],
    ids=["the longest allowed", "a second more", "ten years", "no life at all", "ends before it begins"],
)  # fmt: skip
async def test_c1_nothing_that_we_sign_lives_longer_than_a_day(life: float, expected: str) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, exp=payload_of(tokens)["iat"] + life) == expected


@pytest.mark.parametrize(
    ("name", "after", "expected"),
    [
        ("nbf", 1, "token_superseded"), ("nbf", 600, "token_superseded"),
        ("nbf", 0, "accepted"), ("nbf", -600, "accepted"),
        ("iat", 1, "token_superseded"), ("iat", 600, "token_superseded"),
        ("iat", 0, "accepted"), ("iat", -60, "accepted"),
    ],
)  # fmt: skip
async def test_c1_a_token_from_the_future_is_refused_and_its_session_lives_on(
    name: str, after: float, expected: str
) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, **{name: it.clock.now() + after}) == expected


async def test_c1_the_leeway_moves_each_bound_by_its_seconds_and_no_more() -> None:
    async with house(leeway=timedelta(seconds=60)) as (it, tokens):
        now = it.clock.now()
        for name in ("nbf", "iat"):
            assert await verdict(it, tokens, **{name: now + 60}) == "accepted"
            assert await verdict(it, tokens, **{name: now + 60.5}) == "token_superseded"
        assert await verdict(it, tokens, iat=now - 900, exp=now - 59.5) == "accepted"
        assert await verdict(it, tokens, iat=now - 900, exp=now - 60) == "token_expired"


def test_c1_a_huge_leeway_is_no_policy() -> None:
    with pytest.raises(ConfigurationError, match="leeway"):
        AccessPolicy(leeway=timedelta(seconds=61))


async def test_c2_a_clock_that_jumps_never_lets_a_dead_token_live_longer_than_the_jump() -> None:
    async with house(leeway=timedelta(seconds=10)) as (it, tokens):
        it.clock.advance(-3600)
        assert await answer(it, tokens.access_token) == "token_superseded"
        it.clock.advance(3600 + 909.9)
        assert await answer(it, tokens.access_token) == "accepted"
        it.clock.advance(0.2)
        assert await answer(it, tokens.access_token) == "token_expired"


# C3, audience

AUDIENCES = {
    "is missing": MISSING,
    "is null": None,
    "is true": True,
    "is a number": 1,
    "is empty": "",
    "is an empty list": [],
    "is a nested list": [[ISSUER]],
    "is an object": {ISSUER: True},
    "is another service": "https://other.example",
    "is the beginning of ours": ISSUER[:-1],
    "is longer than ours": ISSUER + "2",
    "has a path": ISSUER + "/api",
    "has a slash at its end": ISSUER + "/",
    "is in upper case": ISSUER.upper(),
    "has a space before it": " " + ISSUER,
    "is two of them in one text": f"{ISSUER} https://other.example",
    "is a list of others": ["https://other.example", "https://third.example"],
    "has a number beside ours": [ISSUER, 5],
    "has null beside ours": [ISSUER, None],
    "has an empty text beside ours": [ISSUER, ""],
    "has a list beside ours": [ISSUER, [ISSUER]],
}


@pytest.mark.parametrize("value", [pytest.param(value, id=case) for case, value in AUDIENCES.items()])
async def test_c3_an_audience_that_is_not_exactly_ours_is_refused(value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, aud=value) == "token_invalid"


@pytest.mark.parametrize("value", ["todo", "api", "todo-ap", "odo-api", "todo-api-2", "TODO-API", ["todo", "api"]])
async def test_c3_an_audience_that_is_a_plain_word_is_not_searched_for_parts(value: object) -> None:
    async with house(audience="todo-api") as (it, tokens):
        assert payload_of(tokens)["aud"] == "todo-api"
        assert await verdict(it, tokens, aud=value) == "token_invalid"


async def test_c3_a_token_for_several_services_is_good_at_each_of_them() -> None:
    # RFC 7519 section 4.1.3: whoever finds itself among the audiences is meant.
    async with house() as (it, tokens):
        assert await verdict(it, tokens, aud=[ISSUER]) == "accepted"
        assert await verdict(it, tokens, aud=["https://other.example", ISSUER]) == "accepted"


# C4, issuer

ISSUERS = {
    "is missing": MISSING,
    "is null": None,
    "is a number": 1,
    "is empty": "",
    "is a list with ours": [ISSUER],
    "is an object": {"iss": ISSUER},
    "is another": "https://evil.example",
    "is the beginning of ours": ISSUER[:-1],
    "is longer than ours": ISSUER + ".evil.example",
    "has ours as its end": "https://evil.example/" + ISSUER,
    "has a slash at its end": ISSUER + "/",
    "is in upper case": ISSUER.upper(),
    "has another scheme": ISSUER.replace("https", "http"),
    "names the default port": ISSUER + ":443",
    "has a user before the host": ISSUER.replace("//", "//todo.example@"),
    "has a Cyrillic letter": ISSUER.replace("o", "\u043e"),
    "is the same word in another normal form": ISSUER + "\u0301",
    "has a space after it": ISSUER + " ",
    "is very long": "https://" + "a" * 4_000,
}


@pytest.mark.parametrize("value", [pytest.param(value, id=case) for case, value in ISSUERS.items()])
async def test_c4_an_issuer_that_is_not_exactly_ours_is_refused(value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, iss=value) == "token_invalid"


# C5, one kind of token in place of another

KINDS = [
    "at+jwt", "JWT", "dpop+jwt", "secevent+jwt", "logout+jwt", "statuslist+jwt", "token-introspection+jwt", "dbsc+jwt",
]  # fmt: skip


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "At+Jwt", "application/at+jwt", "APPLICATION/AT+JWT"])
async def test_c5_the_type_of_an_access_token_is_compared_as_media_types_are(typ: str) -> None:
    async with house() as (it, tokens):
        assert await answer(it, signed(it, with_claims(payload_of(tokens)), typ=typ)) == "accepted"


@pytest.mark.parametrize(
    "typ",
    [
        MISSING, None, "", 5, True, ["at+jwt"], {"typ": "at+jwt"}, "at", "jwt", "at+jwt ", " at+jwt", "at+jwt;v=1",
        "at+jwt+jwt", "text/at+jwt", "application/application/at+jwt", "/at+jwt", "at\u200b+jwt", "\uff41t+jwt",
        "at\u212aJWT", *KINDS[1:],
    ],
    ids=lambda typ: "absent" if typ is MISSING else repr(typ),
)  # fmt: skip
async def test_c5_any_other_type_is_no_access_token_whatever_it_says(typ: object) -> None:
    async with house() as (it, tokens):
        assert await answer(it, signed(it, with_claims(payload_of(tokens)), typ=typ)) == "token_invalid"


@pytest.mark.parametrize("presented", KINDS)
@pytest.mark.parametrize("expected", KINDS)
async def test_c5_no_kind_of_token_passes_for_another_in_either_direction(expected: str, presented: str) -> None:
    async with house() as (it, tokens):
        key = signing_key(it.ring)
        verifier = JwsVerifier(algorithms=frozenset({key.alg}), typ=expected)
        token = signed(it, with_claims(payload_of(tokens)), typ=presented)
        if expected == presented:
            assert verifier.verify(token, {key.kid: key.public}.get).kid == key.kid
        else:
            with pytest.raises(JoseError) as caught:
                verifier.verify(token, {key.kid: key.public}.get)
            assert caught.value.reason == "typ"


async def test_c5_a_refresh_token_is_no_access_token_and_the_reverse() -> None:
    async with house() as (it, tokens):
        assert tokens.refresh_token is not None
        assert await answer(it, tokens.refresh_token) == "token_invalid"
        with pytest.raises(RefreshInvalid):
            await it.ring.refresh(tokens.access_token, sender=WEB)


async def test_c5_a_session_id_or_a_token_id_is_neither() -> None:
    async with house() as (it, tokens):
        for text in (tokens.view.row.session_id, payload_of(tokens)["jti"], "todo-web", "ada", ""):
            assert await answer(it, text) == "token_invalid"
            with pytest.raises(RefreshInvalid):
                await it.ring.refresh(text, sender=WEB)


OTHERS = {
    "an ID token": {"nonce": "n", "azp": "todo-web", "at_hash": "h"},
    "a DPoP proof": {"htm": "GET", "htu": ISSUER, "ath": "h"},
    "a security event": {"events": {"https://schemas.openid.net/secevent/caep/event-type/session-revoked": {}}},
    "a logout token": {"events": {"http://schemas.openid.net/event/backchannel-logout": {}}, "sid": "0" * 32},
    "a status list": {"status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}, "ttl": 43200},
    "an introspection answer": {"token_introspection": {"active": True}},
}


@pytest.mark.parametrize("claims", [pytest.param(claims, id=kind) for kind, claims in OTHERS.items()])
async def test_c5_what_another_kind_says_lacks_what_an_access_token_needs_even_under_its_type(
    claims: dict[str, Any],
) -> None:
    async with house() as (it, tokens):
        common = {name: payload_of(tokens)[name] for name in ("iss", "sub", "aud", "iat", "exp", "jti")}
        assert await answer(it, signed(it, with_claims(common, **claims))) == "token_invalid"


# C6, subject and client

TEXTS = {
    "is missing": MISSING,
    "is null": None,
    "is empty": "",
    "is a number": 7,
    "is true": True,
    "is a list": ["ada"],
    "is an object": {"id": "ada"},
    "is very long": "a" * 256,
}


@pytest.mark.parametrize("name", ["sub", "client_id", "jti"])
@pytest.mark.parametrize("value", [pytest.param(value, id=case) for case, value in TEXTS.items()])
async def test_c6_a_name_that_is_no_text_is_refused(name: str, value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, **{name: value}) == "token_invalid"


async def test_c6_a_client_cannot_pass_as_a_user_nor_a_stranger_as_a_client() -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, sub="todo-web") == "token_invalid"
        for client in ("todo-cli", "TODO-WEB", "todo-web ", "ada"):
            assert await verdict(it, tokens, client_id=client) == "token_invalid"


async def test_c6_a_user_whose_id_is_that_of_a_client_gets_no_token() -> None:
    async with house() as (it, _):
        it.subjects["todo-web"] = replace(it.subjects["ada"], id="todo-web")
        with pytest.raises(ConfigurationError, match="client id"):
            await it.login("todo-web")


@pytest.mark.parametrize("subject", ["", "a" * 256])
def test_c6_an_id_that_a_token_cannot_carry_is_no_subject(subject: str) -> None:
    with pytest.raises(ConfigurationError, match="1 to 255"):
        Subject(subject)


async def test_c6_a_deleted_user_gets_no_token_and_the_tokens_of_the_session_stop() -> None:
    async with house() as (it, tokens):
        del it.subjects["ada"]
        with pytest.raises(SubjectInactive):
            await it.ring.refresh(str(tokens.refresh_token), sender=WEB)
        assert await answer(it, tokens.access_token) == "token_revoked"


async def test_c6_an_identity_is_issuer_and_subject_and_neither_alone() -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, iss="https://other.example") == "token_invalid"
        other = await it.ring.authenticate(signed(it, with_claims(payload_of(tokens), sub="bob")))
        assert (other.issuer, other.subject) == (ISSUER, "bob")


# C7, scope, and the claims that are ours

SCOPES = {
    "is null": None,
    "is a number": 7,
    "is true": True,
    "is a list": ["todos:read"],
    "is an object": {"todos:read": True},
    "is empty": "",
    "is a space": " ",
    "has a space before it": " todos:read",
    "has a space after it": "todos:read ",
    "has two spaces": "todos:read  todos:write",
    "has a tab": "todos:read\ttodos:write",
    "has a line break": "todos:read\n",
    "has a quote": 'todos:"read"',
    "has a backslash": "todos\\read",
    "has a letter beyond ASCII": "todos:r\u00e9ad",
    "is very long": "a " * 2_100 + "a",
}


@pytest.mark.parametrize("value", [pytest.param(value, id=case) for case, value in SCOPES.items()])
async def test_c7_a_scope_that_is_no_list_of_scope_tokens_is_refused(value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, scope=value) == "token_invalid"


async def test_c7_a_scope_that_is_absent_is_none_and_one_that_is_there_is_compared_whole() -> None:
    async with house() as (it, tokens):
        bare = await it.ring.authenticate(signed(it, with_claims(payload_of(tokens), scope=MISSING)))
        assert (bare.scope, bare.has_scope(), bare.has_scope("todos:read")) == ((), True, False)
        one = await it.ring.authenticate(signed(it, with_claims(payload_of(tokens), scope="todos:read admin")))
        assert one.has_scope("todos:read")
        assert one.has_scope("admin", "todos:read")
        for missing in ("todos", "todos:rea", "TODOS:READ", "read", "todos:read admin", ""):
            assert not one.has_scope(missing)


async def test_c7_a_refresh_never_widens_the_scope() -> None:
    async with house() as (it, tokens):
        it.subjects["ada"] = replace(it.subjects["ada"], scope=("todos:read", "todos:write", "admin"))
        await it.settle(tokens)
        widened = await it.ring.refresh(str(tokens.refresh_token), sender=WEB)
        assert (await it.ring.authenticate(widened.access_token)).scope == ("todos:read", "todos:write")
        it.subjects["ada"] = replace(it.subjects["ada"], scope=("todos:read", "admin"))
        await it.settle(widened)
        narrowed = await it.ring.refresh(str(widened.refresh_token), sender=WEB)
        assert (await it.ring.authenticate(narrowed.access_token)).scope == ("todos:read",)


@pytest.mark.parametrize("name", ["gen", "ep", "ver"])
@pytest.mark.parametrize("value", [MISSING, None, True, "1", 1.5, 1.0, -1, [1], 2**53, Raw("1e0"), Raw("-0.0")])
async def test_c7_a_counter_is_a_whole_number_from_nought(name: str, value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, **{name: value}) == "token_invalid"


@pytest.mark.parametrize(
    "value", [MISSING, None, 7, "", "0" * 31, "0" * 33, "A" * 32, "g" * 32, " " * 32, "0" * 32 + "\n"]
)
async def test_c7_a_session_id_is_thirty_two_hex_digits(value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, sid=value) == "token_invalid"


@pytest.mark.parametrize("value", [None, "pwd", {"pwd": True}, [1], ["pwd", None], [["pwd"]]])
async def test_c7_the_methods_of_a_login_are_a_list_of_texts(value: object) -> None:
    async with house() as (it, tokens):
        assert await verdict(it, tokens, amr=value) == "token_invalid"


# Whatever it is


async def test_every_refusal_says_the_same_to_the_other_end_and_nothing_of_the_token() -> None:
    """One message for a code, whatever was wrong; the reason is in the event, and no part of the token is in either."""
    async with house() as (it, tokens):
        token = signed(
            it, with_claims(payload_of(tokens), aud="https://secret-neighbour.example", sub="canary-subject")
        )
        with pytest.raises(TokenInvalid) as caught:
            await it.ring.authenticate(token)
        assert caught.value.message == TokenInvalid.message
        (event,) = it.log.of(TokenRefused)
        told = json.dumps(event.as_fields()) + str(caught.value)
        for part in (*token.split("."), "canary-subject", "secret-neighbour"):
            assert part not in told
        it.clock.advance(3600)
        with pytest.raises(TokenExpired):
            await it.ring.authenticate(tokens.access_token)
