"""What a User-Agent says about its sender."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.web.agents import device_name, user_agent_family
from sealring.web.printable import printable

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
KNOWN = [
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
        "Chrome",
        "Chrome on Windows",
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
        "Chrome",
        "Chrome on Linux",
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36 "
        "Edg/156.0",
        "Edge",
        "Edge on Windows",
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 "
        "Safari/537.36 OPR/121.0",
        "Opera",
        "Opera on macOS",
    ),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox", "Firefox on Linux"),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/19.0 Safari/605.1.15",
        "Safari",
        "Safari on macOS",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {APPLE} Version/19.0 Mobile/15E148 Safari/604.1",
        "Safari",
        "Safari on iPhone",
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) {APPLE} CriOS/156.0 Mobile/15E148 Safari/604.1",
        "Chrome",
        "Chrome on iPhone",
    ),
    (f"Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) {APPLE} FxiOS/150.0 Safari/604.1", "Firefox", "Firefox on iPad"),
    (
        "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile "
        "Safari/537.36 EdgA/156.0",
        "Edge",
        "Edge on Android",
    ),
    (
        "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Safari/537.36",
        "Chrome",
        "Chrome on ChromeOS",
    ),
    ("curl/8.11.0", "curl", "curl"),
    ("python-httpx2/2.16.2", "python-httpx2", "python-httpx2"),
    ("", "", "Unknown device"),
    ("(odd)", "other", "other"),
    ("\x1b[31m", "other", "other"),
]


@pytest.mark.parametrize(("user_agent", "family", "device"), KNOWN, ids=lambda value: value[:40])
def test_known_agents_are_named(user_agent: str, family: str, device: str) -> None:
    assert user_agent_family(user_agent) == family
    assert device_name(user_agent) == device


@given(st.integers(80, 400), st.integers(0, 9999))
def test_the_family_does_not_change_with_the_version(major: int, build: int) -> None:
    for mark, family in (("Chrome", "Chrome"), ("Firefox", "Firefox"), ("Edg", "Edge"), ("OPR", "Opera")):
        assert user_agent_family(f"Mozilla/5.0 (X11; Linux x86_64) X/1 {mark}/{major}.0.{build}") == family


@given(st.text(max_size=3_000))
def test_no_header_whatever_makes_a_long_or_unprintable_name(user_agent: str) -> None:
    family, device = user_agent_family(user_agent), device_name(user_agent)
    assert len(family) <= 32
    assert len(device) <= 48
    assert (family + device).isascii()
    assert (family + device).isprintable()
    assert (family == "") == (user_agent == "")


@given(st.text(), st.integers(1, 50))
def test_printable_text_has_no_control_and_keeps_what_is_fine(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) == min(len(text), limit)
    assert all(" " <= character <= "~" for character in shown)
    assert all(before == after or after == "?" for before, after in zip(text, shown, strict=False))
