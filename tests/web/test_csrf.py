"""Telling the application's own pages from all others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import CsrfRefused, MediaTypeRefused, RefusedError
from sealring.web.csrf import Verdict, check_source, has_body, is_json, judge, judge_source, require_own_page
from sealring.web.request_headers import RequestHeaders

OWN = "https://todo.example"
ALLOWED = frozenset({OWN, "http://localhost:5173"})


def headers(**lines: str | bytes | list[str]) -> RequestHeaders:
    """Header lines by name with underscores; a list makes several lines."""
    pairs = (
        (name.replace("_", "-").encode(), each)
        for name, value in lines.items()
        for each in (value if isinstance(value, list) else [value])
    )
    return RequestHeaders((name, each if isinstance(each, bytes) else each.encode("latin-1")) for name, each in pairs)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
def test_a_safe_method_is_safe_wherever_it_comes_from(method: str) -> None:
    assert judge(method, headers(sec_fetch_site="cross-site", origin="https://evil.example"), ALLOWED) is Verdict.SAFE


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "CONNECT", "PURGE", "get", "", "GET "])
def test_every_other_method_is_judged_by_its_source(method: str) -> None:
    assert judge(method, headers(sec_fetch_site="cross-site"), ALLOWED) is Verdict.FOREIGN


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_fetch_metadata_of_our_own_page_is_believed_before_anything_else(site: str) -> None:
    # A proxy may have changed the host, but nothing but the browser writes Sec-Fetch-Site.
    for others in ({}, {"origin": "https://internal.example"}, {"referer": "https://internal.example/x"}):
        assert judge("POST", headers(sec_fetch_site=site, **others), ALLOWED) is Verdict.SAME_ORIGIN


@pytest.mark.parametrize("site", ["same-site", "cross-site", "same-origin, cross-site", "cross-site, same-origin"])
def test_foreign_fetch_metadata_outweighs_a_matching_origin(site: str) -> None:
    assert judge("POST", headers(sec_fetch_site=site, origin=OWN), ALLOWED) is Verdict.FOREIGN


@pytest.mark.parametrize("site", ["", "Same-Origin", "same-origin;x=1", "future-value", "null", "\xe9"])
def test_an_unknown_fetch_metadata_value_counts_as_absent(site: str) -> None:
    assert judge("POST", headers(sec_fetch_site=site), ALLOWED) is Verdict.UNKNOWN
    assert judge("POST", headers(sec_fetch_site=site, origin=OWN), ALLOWED) is Verdict.SAME_ORIGIN
    assert judge("POST", headers(sec_fetch_site=site, origin="https://evil.example"), ALLOWED) is Verdict.FOREIGN


@pytest.mark.parametrize("origin", sorted(ALLOWED))
def test_without_fetch_metadata_an_allowed_origin_is_ours(origin: str) -> None:
    assert judge("POST", headers(origin=origin, referer="https://evil.example/"), ALLOWED) is Verdict.SAME_ORIGIN


NOT_OURS = [
    "null",
    "",
    "https://evil.example",
    "http://todo.example",
    "https://todo.example:443",
    "https://todo.example.evil.example",
    "https://xtodo.example",
    "https://todo.exampl",
    "https://todo.example@evil.example",
    "https://evil.example\\@todo.example",
    "HTTPS://TODO.EXAMPLE",
    "https://todo.example https://todo.example",
    "https://todo.example, https://evil.example",
    " https://todo.example",
    "file://",
    "https://tod\xf6.example",
]


@pytest.mark.parametrize("origin", [*NOT_OURS, "https://todo.example/"])
def test_any_other_origin_is_foreign(origin: str) -> None:
    assert judge("POST", headers(origin=origin, referer=f"{OWN}/"), ALLOWED) is Verdict.FOREIGN


@pytest.mark.parametrize("path", ["", "/", "/a/b?c=d", "?q", "#f", "/@evil.example", "//evil.example"])
def test_the_referer_speaks_last_and_only_by_its_origin(path: str) -> None:
    assert judge("POST", headers(referer=OWN + path), ALLOWED) is Verdict.SAME_ORIGIN


@pytest.mark.parametrize("referer", [*NOT_OURS, "about:blank", "/relative", "todo.example/", "https:todo.example/"])
def test_any_other_referer_is_foreign(referer: str) -> None:
    assert judge("POST", headers(referer=referer), ALLOWED) is Verdict.FOREIGN
    assert judge("POST", headers(referer=f"{referer}/path"), ALLOWED) is Verdict.FOREIGN


def test_without_any_of_the_three_nothing_is_known() -> None:
    assert judge("POST", headers(host="todo.example", user_agent="curl/8"), ALLOWED) is Verdict.UNKNOWN


@pytest.mark.parametrize("name", ["sec_fetch_site", "origin", "referer"])
def test_a_doubled_header_is_foreign_even_with_equal_values(name: str) -> None:
    value = "same-origin" if name == "sec_fetch_site" else OWN
    fine: dict[str, str | bytes | list[str]] = {"sec_fetch_site": "same-origin", "origin": OWN, "referer": OWN}
    assert judge("POST", headers(**{**fine, name: [value, value]}), ALLOWED) is Verdict.FOREIGN


SITES = st.sampled_from(["same-origin", "none", "same-site", "cross-site", "odd", "", "same-origin,none"])
SOURCES = st.sampled_from(
    [OWN, "null", "", "https://evil.example", f"{OWN}/x", "https://evil.example/https://todo.example"]
)


@given(st.lists(SITES, max_size=2), st.lists(SOURCES, max_size=2), st.lists(SOURCES, max_size=2))
def test_nothing_is_ours_unless_one_header_says_so_and_none_before_it_disagrees(
    sites: list[str], origins: list[str], referers: list[str]
) -> None:
    verdict = judge_source(headers(sec_fetch_site=sites, origin=origins, referer=referers), ALLOWED)
    if verdict is Verdict.SAME_ORIGIN:
        assert max(len(sites), len(origins), len(referers)) <= 1
        known = [site for site in sites if site in {"same-origin", "none", "same-site", "cross-site"}]
        if known:
            assert known[0] in {"same-origin", "none"}
        elif origins:
            assert origins == [OWN]
        else:
            assert referers in ([OWN], [f"{OWN}/x"])


def test_an_own_page_passes_with_header_and_json() -> None:
    require_own_page(Verdict.SAME_ORIGIN, headers(sealring_client="1"))
    require_own_page(
        Verdict.SAME_ORIGIN, headers(sealring_client="1", content_type="application/json", content_length="2")
    )


def test_a_safe_request_needs_neither() -> None:
    require_own_page(Verdict.SAFE, headers())


def refusal(verdict: Verdict, **lines: str | bytes | list[str]) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        require_own_page(verdict, headers(**lines))
    return caught.value


def test_the_log_says_which_part_was_missing() -> None:
    unknown = refusal(Verdict.UNKNOWN)
    no_header = refusal(Verdict.SAME_ORIGIN)
    form = refusal(Verdict.SAME_ORIGIN, sealring_client="1", content_length="3", content_type="text/plain")
    assert isinstance(unknown, CsrfRefused)
    assert isinstance(no_header, CsrfRefused)
    assert isinstance(form, MediaTypeRefused)
    assert "None of Sec-Fetch-Site, Origin and Referer" in unknown.detail
    assert "Sealring-Client is missing" in no_header.detail
    assert "'text/plain'" in form.detail


def test_an_empty_client_header_is_a_missing_one() -> None:
    assert isinstance(refusal(Verdict.SAME_ORIGIN, sealring_client=""), CsrfRefused)


def test_the_log_names_the_foreign_source_without_path_or_control_characters() -> None:
    error = refusal(
        Verdict.FOREIGN,
        sec_fetch_site="cross-site",
        origin=b"https://evil.example\r\nx: \x1b[31m",
        referer="https://evil.example/reset?token=secret",
    )
    assert "Sec-Fetch-Site 'cross-site'" in error.detail
    assert "secret" not in error.detail
    assert "reset" not in error.detail
    assert error.detail.isprintable()


JSON_TYPES = ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=y"]
OTHER_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; application/json",
    "application/json, text/plain",
    "application/jsonp",
    "application/json+x",
    "application/problem+json",
    "",
    "\x0bapplication/json",
]


@pytest.mark.parametrize("content_type", JSON_TYPES)
def test_json_is_told_by_its_media_type_alone(content_type: str) -> None:
    assert is_json(headers(content_type=content_type))


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_every_other_content_type_of_a_body_is_refused(content_type: str) -> None:
    for announcing in ({"content_length": "1"}, {"transfer_encoding": "chunked"}):
        error = refusal(Verdict.SAME_ORIGIN, sealring_client="1", content_type=content_type, **announcing)
        assert isinstance(error, MediaTypeRefused)


def test_a_body_without_or_with_two_content_types_is_refused() -> None:
    two = ["application/json", "application/json"]
    for lines in ({}, {"content_type": two}):
        error = refusal(Verdict.SAME_ORIGIN, sealring_client="1", content_length="1", **lines)
        assert isinstance(error, MediaTypeRefused)


def test_a_body_is_what_the_headers_announce() -> None:
    assert not has_body(headers())
    assert not has_body(headers(content_length="0"))
    assert has_body(headers(content_length="1"))
    assert has_body(headers(content_length=["0", "1"]))
    assert has_body(headers(transfer_encoding="chunked"))


def test_where_nothing_is_at_stake_only_a_foreign_source_is_refused() -> None:
    for verdict in (Verdict.SAFE, Verdict.SAME_ORIGIN, Verdict.UNKNOWN):
        check_source(verdict, headers(content_type="text/plain", content_length="3"), sensitive=False)
    with pytest.raises(CsrfRefused):
        check_source(Verdict.FOREIGN, headers(sealring_client="1"), sensitive=False)


@pytest.mark.parametrize("verdict", [Verdict.FOREIGN, Verdict.UNKNOWN])
def test_where_something_is_at_stake_an_uncertain_source_is_refused_too(verdict: Verdict) -> None:
    with pytest.raises(CsrfRefused):
        check_source(verdict, headers(sealring_client="1"), sensitive=True)
