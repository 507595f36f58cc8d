"""The policy checks itself: the defaults hold together, and what is out of range is refused with a sentence."""

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta
from typing import Any

import pytest

from sealring import Policy
from sealring.errors import ConfigurationError
from sealring.policy import (
    AccessPolicy,
    Client,
    KeyPolicy,
    RevocationPolicy,
    SessionPolicy,
    WebPolicy,
    WhenStale,
    is_scope_token,
)

ISSUER = "https://todo.example"


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def policy(**changes: Any) -> Policy:
    return Policy(**({"app": "todo", "issuer": ISSUER} | changes))


# Defaults


def test_the_defaults_are_the_published_numbers() -> None:
    it = policy()
    assert (it.access.lifetime, it.access.leeway, it.access.algorithm) == (seconds(900), seconds(10), "ES256")
    assert (it.sessions.idle, it.sessions.absolute, it.sessions.transient) == (days(7), days(30), seconds(12 * 3600))
    assert (it.sessions.grace, it.sessions.client_timeout) == (seconds(20), seconds(10))
    assert (it.sessions.rollback_tolerance, it.sessions.per_subject) == (3, 50)
    assert (it.sessions.confirm_within, it.sessions.last_seen_every) == (seconds(2), seconds(60))
    assert (it.keys.period, it.keys.announce, it.keys.jwks_max_age) == (days(30), days(1), seconds(300))
    assert (it.revocation.max_staleness, it.web.body_limit) == (seconds(5), 65_536)
    assert (it.revocation.poll_every, it.revocation.ask_within) == (seconds(1), seconds(0.25))
    assert (it.revocation.when_stale, it.revocation.accept_stale_for) == (WhenStale.ASK, seconds(0))


def test_what_is_not_said_follows_from_the_rest() -> None:
    it = policy()
    assert it.audience == (ISSUER,)
    assert it.default_client == Client("todo-web")
    assert dict(it.client_by_id) == {"todo-web": Client("todo-web")}
    assert it.allowed_origins == {ISSUER}
    assert policy(issuer="https://todo.example/auth").allowed_origins == {ISSUER}
    assert policy(access=AccessPolicy(audience="todo-api")).audience == ("todo-api",)


def test_a_policy_never_changes() -> None:
    it = policy()
    for part in (it, it.access, it.sessions, it.keys, it.revocation, it.web, it.default_client):
        with pytest.raises(FrozenInstanceError):
            setattr(part, fields(part)[0].name, None)
    with pytest.raises(TypeError):
        it.client_by_id["other"] = Client("other")  # type: ignore[index]


def test_a_denial_outlives_every_token_that_it_concerns() -> None:
    """Issued by a clock that is ahead, committed last, verified by a clock that is behind: still denied."""
    it = policy(access=AccessPolicy(lifetime=seconds(900), leeway=seconds(60)))
    ahead, behind, slowest_store = it.access.leeway, it.access.leeway, seconds(60)
    assert it.token_afterlife >= it.access.lifetime + ahead + behind + slowest_store


# Ranges

RANGES: list[tuple[Any, str, list[Any], list[Any]]] = [
    (AccessPolicy, "lifetime", [seconds(5), seconds(86_400)], [seconds(4.9), seconds(86_401), seconds(-1)]),
    (AccessPolicy, "leeway", [seconds(0), seconds(60)], [seconds(-1), seconds(60.1), days(1)]),
    (AccessPolicy, "algorithm", ["ES256", "Ed25519", "RS256", "PS256"], ["HS256", "EdDSA", "ES384", "none", ""]),
    (AccessPolicy, "budget", [400, 4_096], [0, 399, 4_097]),
    (AccessPolicy, "version", [1, 1_000_000], [0, -1, 1_000_001]),
    (SessionPolicy, "idle", [seconds(5), days(30)], [seconds(4), days(366)]),
    (SessionPolicy, "absolute", [days(7), days(400)], [seconds(4), days(401)]),
    (SessionPolicy, "transient", [seconds(5), days(7)], [seconds(4), days(8)]),
    (SessionPolicy, "grace", [seconds(10.001), seconds(300)], [seconds(10), seconds(0), seconds(301)]),
    (SessionPolicy, "client_timeout", [seconds(1), seconds(19)], [seconds(0), seconds(-5), seconds(20)]),
    (SessionPolicy, "store_patience", [seconds(0.1), seconds(60)], [seconds(0.09), seconds(61)]),
    (SessionPolicy, "rollback_tolerance", [0, 16], [-1, 17]),
    (SessionPolicy, "per_subject", [1, 10_000], [0, 10_001]),
    (SessionPolicy, "refresh_lead", [seconds(1), seconds(43_200)], [seconds(0), days(1)]),
    (SessionPolicy, "confirm_within", [seconds(0), seconds(30)], [seconds(-1), seconds(31)]),
    (SessionPolicy, "last_seen_every", [seconds(0), seconds(3600)], [seconds(-1), seconds(3601)]),
    (SessionPolicy, "keep_ended", [seconds(3600), days(400)], [seconds(3599), days(401)]),
    (SessionPolicy, "purge_every", [seconds(1), days(1)], [seconds(0.9), seconds(86_401)]),
    (KeyPolicy, "period", [days(1), days(400)], [seconds(3599), seconds(86_399), days(401)]),
    (KeyPolicy, "announce", [seconds(480), days(30)], [seconds(479), days(31)]),
    (KeyPolicy, "jwks_max_age", [seconds(0), seconds(86_220)], [seconds(-1), seconds(86_221), days(2)]),
    (KeyPolicy, "follow_every", [seconds(1), seconds(600)], [seconds(0.9), seconds(601)]),
    (RevocationPolicy, "poll_every", [seconds(0.05), seconds(5)], [seconds(0.04), seconds(61), seconds(6)]),
    (RevocationPolicy, "max_staleness", [seconds(1)], [seconds(0.9)]),
    (RevocationPolicy, "ask_within", [seconds(0.01), seconds(5)], [seconds(0.009), seconds(5.1)]),
    (RevocationPolicy, "accept_stale_for", [seconds(0), seconds(3600)], [seconds(-1), seconds(3601)]),
    (RevocationPolicy, "sensitive_within", [seconds(0.01), seconds(10)], [seconds(0.009), seconds(10.1)]),
    (WebPolicy, "body_limit", [1_024, 16_777_216], [1_023, 16_777_217]),
    (WebPolicy, "csp", ["default-src 'self'"], ["default-src 'self'\r\nSet-Cookie: a=b", "\x7f", "\u00e4"]),
    (Client, "client_id", ["a", "~" * 64, "https://app.example"], ["", "a b", "a" * 65, "a\n", "\u00e4", "a\x7f"]),
]  # fmt: skip
GOOD = [pytest.param(kind, name, value, id=f"{name} {value}") for kind, name, values, _ in RANGES for value in values]
BAD = [pytest.param(kind, name, value, id=f"{name} {value!r}") for kind, name, _, values in RANGES for value in values]


@pytest.mark.parametrize(("kind", "name", "value"), GOOD)
def test_a_value_at_the_edge_of_its_range_is_taken(kind: Any, name: str, value: object) -> None:
    assert getattr(kind(**{name: value}), name) == value


@pytest.mark.parametrize(("kind", "name", "value"), BAD)
def test_a_value_beyond_its_range_is_refused_with_a_sentence(kind: Any, name: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        kind(**{name: value})
    assert caught.value.detail.endswith(".")
    assert len(caught.value.detail.split()) > 4


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"idle": days(8), "absolute": days(7)}, "idle limit is longer"),
        ({"grace": seconds(10), "client_timeout": seconds(10)}, "exceed the client's refresh timeout"),
        ({"grace": seconds(20), "client_timeout": seconds(30)}, "taken for a thief"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        SessionPolicy(**changes)


# Names


@pytest.mark.parametrize("app", ["t", "todo", "todo-2", "a" * 32])
def test_an_app_name_fits_a_cookie_name(app: str) -> None:
    assert policy(app=app).default_client.client_id == f"{app}-web"


@pytest.mark.parametrize("app", ["", "Todo", "2do", "-todo", "to do", "todo\n", "a" * 33, "t\u00f6do", "todo;"])
def test_an_app_name_that_fits_no_cookie_name_is_refused(app: str) -> None:
    with pytest.raises(ConfigurationError, match="app name"):
        policy(app=app)


@pytest.mark.parametrize("issuer", [ISSUER, "http://localhost:8000", "https://todo.example/auth", "https://[::1]:8443"])
def test_an_issuer_is_an_absolute_url(issuer: str) -> None:
    assert policy(issuer=issuer).issuers == {issuer}


@pytest.mark.parametrize(
    "issuer",
    [
        "", "todo.example", "//todo.example", "ftp://todo.example", "javascript:alert(1)", "https://", "https:///path",
        "https://todo.example/", "https://todo.example?a=b", "https://todo.example?", "https://todo.example#top",
        "https://todo.example#", "https://todo.example\n", "https://todo.ex\tample", " https://todo.example",
        "https://todo .example", "https://ada@todo.example", "https://ada:secret@todo.example", "https://[::1",
        "https://todo.example:port", "https://todo.example:99999", "https://t\u00f6do.example", "https://:443",
    ],
)  # fmt: skip
def test_what_is_no_plain_url_is_refused_as_issuer(issuer: str) -> None:
    with pytest.raises(ConfigurationError):
        policy(issuer=issuer)
    with pytest.raises(ConfigurationError):
        policy(former_issuers=(issuer,))


@pytest.mark.parametrize("origin", [ISSUER, "http://localhost:5173", "https://[::1]:8443"])
def test_an_origin_is_scheme_host_and_port(origin: str) -> None:
    assert policy(web=WebPolicy(allowed_origins=(origin,))).allowed_origins == {origin}


@pytest.mark.parametrize(
    "origin",
    [
        "", "null", "*", "todo.example", "https://todo.example/", "https://todo.example/path", "https://*.example\n",
        "https://ada@todo.example", "https://[::1", "https://todo.example:port", "https://TODO.example", "wss://a.example",
        "https://todo.example:443", "http://todo.example:80",
    ],
)  # fmt: skip
def test_what_no_browser_sends_is_refused_as_origin(origin: str) -> None:
    with pytest.raises(ConfigurationError):
        WebPolicy(allowed_origins=(origin,))


def test_two_clients_never_share_an_id() -> None:
    with pytest.raises(ConfigurationError, match="same client id"):
        policy(clients=(Client("web"), Client("web")))
    assert policy(clients=(Client("web"), Client("cli"))).default_client == Client("web")


@pytest.mark.parametrize("scope", ["a", "todos:read", "!#[]~", "a.b/c"])
def test_a_scope_token_is_printable_without_space_quote_and_backslash(scope: str) -> None:
    assert is_scope_token(scope)


@pytest.mark.parametrize("scope", ["", " ", "a b", 'a"', "a\\", "a\n", "\u00e4", "a\x7f", "\x1b[31m"])
def test_what_rfc_6749_does_not_allow_is_no_scope_token(scope: str) -> None:
    assert not is_scope_token(scope)
