"""R13 and R14: somebody else puts cookies of our name, or nearly our name, into the jar; attributes drift."""

import pytest

from sealring.events import CookieAmbiguous
from tests.edges.serving import JSON_BODY, NAMES, OWN_PAGE, Lines, cookies, house

pytestmark = pytest.mark.anyio

AT, RT = NAMES.access, NAMES.refresh

# Near misses of our name: each is another cookie, whatever a framework makes of it.
NOT_OUR_NAME: dict[str, bytes] = {
    "NEL before the name": b"\x85" + AT.encode() + b"=",
    "NEL in UTF-8 before the name": b"\xc2\x85" + AT.encode() + b"=",
    "no-break space before the name": b"\xa0" + AT.encode() + b"=",
    "en quad before the name": "\u2000".encode() + AT.encode() + b"=",
    "no-break space after the name": AT.encode() + b"\xa0=",
    "vertical tab before the name": b"\x0b" + AT.encode() + b"=",
    "NUL after the name": AT.encode() + b"\x00=",
    "upper-case prefix": AT.upper().encode() + b"=",
    "mixed-case prefix": AT.replace("__Host", "__hOsT").encode() + b"=",
    "no prefix": b"todo-at=",
    "the weaker prefix": b"__Host-todo-at=",
    "percent-encoded": b"%5F_Host-Http-todo-at=",
    "quoted name": b'"' + AT.encode() + b'"=',
    "empty name": b"=" + AT.encode() + b"=",
    "a name that ends in ours": b"x" + AT.encode() + b"=",
    "inside a quoted string": b'a="; b=' + AT.encode() + b"=",
}


@pytest.mark.parametrize("prefix", NOT_OUR_NAME.values(), ids=NOT_OUR_NAME.keys())
async def test_a_cookie_of_nearly_our_name_neither_authenticates_nor_disturbs(prefix: bytes) -> None:
    async with house() as it:
        victim, attacker = await it.sign_in("ada"), await it.sign_in("bob")
        tossed = prefix + attacker.access_token.encode()
        alone = await it.ask("GET", "/api/me", [("cookie", tossed)])
        assert (alone.status, alone.code) == (401, "not_authenticated")
        name, own = cookies(victim)
        for line in (own.encode() + b"; " + tossed, tossed + b"; " + own.encode()):
            assert (await it.ask("GET", "/api/me", [(name, line)])).json == {"subject": "ada"}
        assert it.log.of(CookieAmbiguous) == []


async def test_a_tossed_cookie_of_our_very_name_signs_nobody_in_in_either_order() -> None:
    async with house() as it:
        victim, attacker = await it.sign_in("ada"), await it.sign_in("bob")
        (name, own), (_, foreign) = cookies(victim), cookies(attacker)
        for lines in ([(name, f"{own}; {foreign}")], [(name, f"{foreign}; {own}")], [(name, own), (name, foreign)]):
            answer = await it.ask("GET", "/api/me", lines)
            assert (answer.status, answer.code) == (401, "not_authenticated")
        assert len(it.log.of(CookieAmbiguous)) == 6


async def test_a_tossed_refresh_cookie_refreshes_and_ends_nobodys_session() -> None:
    async with house() as it:
        victim, attacker = await it.sign_in("ada"), await it.sign_in("bob")
        it.clock.advance(60)
        name, own = cookies(victim)
        lines = [(name, f"{own}; {RT}={attacker.refresh_token}"), *OWN_PAGE, *JSON_BODY]
        answer = await it.ask("POST", "/auth/refresh", lines, b"{}")
        assert (answer.status, answer.code) == (401, "refresh_missing")
        assert answer.values("set-cookie") == []
        out = await it.ask("POST", "/auth/logout", lines, b"{}")
        assert out.json["ended"] == 0
        assert await it.is_live(victim)
        assert await it.is_live(attacker)


@pytest.mark.parametrize(
    "sandwich",
    [
        b'$Version=1; x="%s"; y=z',
        b'$Version="1"; %s; $Path="/"',
        b"$Version=1,%s",
        b'x="a; %s; y="',
        b'"%s"',
        b"x=\\073%s",
    ],
)
async def test_no_rfc_2109_syntax_hides_or_reveals_a_cookie(sandwich: bytes) -> None:
    """Where the browser sees a cookie between two semicolons, there is one; elsewhere there is none."""
    async with house() as it:
        tokens = await it.sign_in()
        pair = f"{AT}={tokens.access_token}".encode()
        line = sandwich % pair
        answer = await it.ask("GET", "/api/me", [("cookie", line)])
        stands_alone = pair in [part.strip(b" \t") for part in line.split(b";")]
        assert answer.status == (200 if stands_alone else 401)


async def test_two_hundred_other_cookies_change_nothing() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        name, own = cookies(tokens)
        flood = "; ".join(f"{AT[:-1]}{number}={'x' * 20}" for number in range(200))
        assert (await it.ask("GET", "/api/me", [(name, f"{flood}; {own}; {flood}")])).json == {"subject": "ada"}
        evicted: Lines = [(name, flood)]
        assert (await it.ask("GET", "/api/me", evicted)).code == "not_authenticated"


@pytest.mark.parametrize("cut", [b"", b'"', b" x", b",", b"\xe9", b"%00", b"\x00"])
async def test_a_value_that_no_token_of_ours_has_is_no_credential(cut: bytes) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        value = (tokens.access_token.encode() + cut) if cut else b""
        answer = await it.ask("GET", "/api/me", [("cookie", AT.encode() + b"=" + value)])
        assert (answer.status, answer.code) == (401, "not_authenticated")


async def test_what_is_set_is_deleted_with_the_same_attributes_and_each_name_once() -> None:
    async with house() as it:
        lines = [*OWN_PAGE, *JSON_BODY]
        entered = await it.ask("POST", "/auth/login", lines, b'{"user":"ada"}')
        line = ("cookie", "; ".join(each.split("; ")[0] for each in entered.values("set-cookie")))
        left = await it.ask("POST", "/auth/logout", [line, *lines], b"{}")
        assert left.json["ended"] == 1
        for answer in (entered, left):
            assert [each.split("=")[0] for each in answer.values("set-cookie")] == [AT, RT]
            for each in answer.values("set-cookie"):
                attributes = {part for part in each.split("; ")[1:] if not part.startswith(("Max-Age", "Expires"))}
                assert attributes == {"Path=/", "HttpOnly", "SameSite=Strict", "Secure"}
                assert len(each.split("; ")[0]) <= 4_096
        assert all(each.split("; ")[0].endswith("=") and "Max-Age=0" in each for each in left.values("set-cookie"))
