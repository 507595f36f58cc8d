"""Services that may ask: a made secret, its digest, and an answer that tells nothing."""

import base64

import pytest

from sealring.errors import CallerUnknown, ConfigurationError
from sealring.oauth.callers import Callers, basic_credentials, digest_of_secret, make_caller_secret


def made(seed: int) -> str:
    """Return a secret that is the same in every process of a test run."""
    return make_caller_secret(lambda size: bytes(range(seed, seed + size)))


SECRET, OTHER = made(1), made(2)
CALLERS = Callers([("reports", digest_of_secret(SECRET)), ("billing", digest_of_secret(OTHER))])


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


def test_a_service_is_known_by_its_name_and_secret() -> None:
    assert len(CALLERS) == 2
    assert CALLERS.authenticate((basic_credentials("reports", SECRET).encode(),)) == "reports"
    assert CALLERS.authenticate((b"bAsIc  " + basic(f"billing:{OTHER}")[6:],)) == "billing"


def test_while_a_secret_is_changed_the_old_and_the_new_one_are_good() -> None:
    changing = Callers([("reports", digest_of_secret(SECRET)), ("reports", digest_of_secret(OTHER))])
    for secret in (SECRET, OTHER):
        assert changing.authenticate((basic(f"reports:{secret}"),)) == "reports"


REFUSED = {
    "no header": (),
    "two headers": (basic(f"reports:{SECRET}"), basic(f"reports:{SECRET}")),
    "an unknown name": (basic(f"nobody:{SECRET}"),),
    "the secret of another": (basic(f"reports:{OTHER}"),),
    "an empty secret": (basic("reports:"),),
    "no colon": (basic("reports"),),
    "the digest in place of the secret": (basic(f"reports:{digest_of_secret(SECRET)}"),),
    "a secret with something after it": (basic(f"reports:{SECRET}x"),),
    "an upper-case name": (basic(f"Reports:{SECRET}"),),
    "another scheme": (b"Bearer " + SECRET.encode(),),
    "a scheme alone": (b"Basic",),
    "no Base64": (b"Basic reports:secret",),
    "Base64 with a hole": (b"Basic cmVw b3J0cw==",),
    "padding in the middle": (b"Basic cmVw=b3J0",),
    "more than anybody needs": (b"Basic " + b"A" * 10_000,),
    "bytes beyond ASCII": (b"Basic " + base64.b64encode(b"\xff\xfe:\xfd"),),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nobody_else_is_known(case: str) -> None:
    with pytest.raises(CallerUnknown) as caught:
        CALLERS.authenticate(REFUSED[case])
    assert SECRET not in caught.value.detail


def test_without_any_service_nobody_is_known() -> None:
    with pytest.raises(CallerUnknown):
        Callers().authenticate((basic(f":{SECRET}"),))


@pytest.mark.parametrize("secret", ["", "secret", "scs_short", SECRET + "A", SECRET[:-1] + "!", "x" * 47])
def test_a_secret_that_was_chosen_rather_than_made_is_refused(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="made by 'sealring caller'"):
        digest_of_secret(secret)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "é", "x" * 65, "a\n"])
def test_a_name_that_a_header_or_a_setting_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="name of a service"):
        Callers([(name, digest_of_secret(SECRET))])


@pytest.mark.parametrize(
    "digest", ["", "digest", SECRET, digest_of_secret(SECRET)[:-1], digest_of_secret(SECRET) + "="]
)
def test_a_digest_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(ConfigurationError, match="reports"):
        Callers([("reports", digest)])


def test_no_two_secrets_are_alike_and_a_secret_is_what_its_bytes_say() -> None:
    assert len({make_caller_secret() for _ in range(100)}) == 100
    assert make_caller_secret(lambda size: bytes(size)) == "scs_" + "A" * 43
