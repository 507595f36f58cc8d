"""Asks both profiles of the gate about a token: the strict one of our own tokens, the general one of any maker's."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from sealring.errors import JoseError, KeyRefused
from sealring.jose import JWK, JwsVerifier, VerificationKey, verify
from tests.jose.making import ES256, KEY, TYP


def reason_of(ask: Callable[[], object], *secrets: str) -> str:
    """Return the reason of a refusal; fail when there is none, another exception, or a secret in its sentence."""
    with pytest.raises(JoseError) as caught:
        ask()
    assert caught.value.detail
    assert not any(secret and secret in f"{caught.value} {caught.value!r}" for secret in secrets)
    return caught.value.reason


def strict(token: Any, *keys: VerificationKey, algorithms: frozenset[str] = ES256) -> str:
    """Return the reason for which the strict profile refuses a token."""
    known = {key.kid: key for key in keys or (KEY.public,)}
    return reason_of(lambda: JwsVerifier(algorithms=algorithms, typ=TYP).verify(token, known.get))


def general(token: Any, key: Any = None, *, algorithms: Iterable[str] = ES256) -> str:
    """Return the reason for which the general profile refuses a token."""
    return reason_of(lambda: verify(token, key or KEY, algorithms=algorithms))


def both(token: Any, key: VerificationKey = KEY.public, *, algorithms: frozenset[str] = ES256) -> str:
    """Return the reason for which both profiles refuse a token; fail when they disagree."""
    reasons = {strict(token, key, algorithms=algorithms), general(token, key, algorithms=algorithms)}
    assert len(reasons) == 1, reasons
    return reasons.pop()


def accepted(token: str, key: Any = None, *, algorithms: Iterable[str] = ES256) -> bytes:
    """Return the payload that the general profile gives for a token."""
    return verify(token, key or KEY, algorithms=algorithms).payload


def key_refusal(jwk: Mapping[str, object], **options: Any) -> str:
    """Return the sentence with which a key is refused at import; fail when it is not."""
    with pytest.raises(KeyRefused) as caught:
        JWK.from_dict(jwk, **options)
    for value in jwk.values():
        # Whatever the key says of itself, nothing long enough to be a secret comes back in the sentence.
        assert not (isinstance(value, str) and len(value) > 20 and value in caught.value.detail)
    return caught.value.detail
