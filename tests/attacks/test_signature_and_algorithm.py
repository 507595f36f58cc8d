"""Attacks on signature and algorithm: S1 (no signature), S3 (another algorithm of the key), S11 (other forms)."""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key

from sealring.errors import JoseError
from sealring.jose import JwsVerifier, SigningKey, VerificationKey, b64u_encode, generate, sign
from tests.jose.making import CLAIMS, KEY, TYP, header_of, signed, token_of

BOTH = frozenset({"ES256", "RS256"})


def refusal(token: str, *keys: VerificationKey) -> str:
    """Return the reason for which a verifier that allows both algorithms refuses; fail if it does not."""
    with pytest.raises(JoseError) as caught:
        JwsVerifier(algorithms=BOTH, typ=TYP).verify(token, {key.kid: key for key in keys}.get)
    return caught.value.reason


@pytest.fixture(scope="module")
def rsa_key() -> SigningKey:
    return generate("RS256")


SPELLINGS = ["none", "None", "NONE", "nOnE", "none ", "\u0000none", ""]


@pytest.mark.parametrize("alg", SPELLINGS)
@pytest.mark.parametrize("keys", [(), (KEY.public,)], ids=["without any key", "with the key"])
def test_s1_alg_none_is_refused_with_an_empty_a_missing_and_an_old_signature(
    alg: str, keys: tuple[VerificationKey, ...]
) -> None:
    header = b64u_encode(json.dumps(header_of(alg=alg)).encode())
    payload = b64u_encode(CLAIMS)
    old = token_of().rpartition(".")[2]
    assert refusal(f"{header}.{payload}.", *keys) == "malformed"
    assert refusal(f"{header}.{payload}", *keys) == "malformed"
    assert refusal(f"{header}.{payload}.{old}", *keys) == "alg"
    # Even when the attacker is lucky enough to have it signed by the right key.
    assert refusal(token_of(header_of(alg=alg)), *keys) == "alg"


def test_s1_a_token_without_alg_is_refused() -> None:
    assert refusal(token_of(header_of(alg=None)), KEY.public) == "alg"


def test_s2_a_mac_made_with_the_public_key_is_refused(rsa_key: SigningKey) -> None:
    """The allow list cannot name a MAC algorithm, whatever form of the public key served as its secret."""
    for key in (KEY, rsa_key):
        signing_input = f"{b64u_encode(json.dumps(header_of(key, alg='HS256')).encode())}.{b64u_encode(CLAIMS)}"
        for secret in (b"", json.dumps(key.public.to_jwk()).encode(), key.kid.encode()):
            mac = hmac.digest(secret, signing_input.encode(), hashlib.sha256)
            assert refusal(f"{signing_input}.{b64u_encode(mac)}", key.public) == "alg"


@pytest.mark.parametrize("claimed", ["RS256", "ES256"])
def test_s3_a_header_that_names_another_allowed_algorithm_than_the_keys_is_refused_before_the_cryptography(
    claimed: str, rsa_key: SigningKey
) -> None:
    key = KEY if claimed == "RS256" else rsa_key

    class Untouchable:
        def verify(self, *_: object) -> bool:
            raise AssertionError("the cryptography was reached")

    guarded = VerificationKey(key.kid, key.alg, (), Untouchable(), None)  # type: ignore[arg-type]
    assert refusal(token_of(header_of(key, alg=claimed), key=key), guarded) == "alg"


def test_s3_the_same_rsa_key_does_not_verify_another_rsa_padding(rsa_key: SigningKey) -> None:
    private = load_der_private_key(rsa_key.private_bytes(), None)
    assert isinstance(private, RSAPrivateKey)
    for alg, expected in (("PS256", "alg"), ("RS256", "signature")):
        signing_input = f"{b64u_encode(json.dumps(header_of(rsa_key, alg=alg)).encode())}.{b64u_encode(CLAIMS)}"
        pss = private.sign(signing_input.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        assert refusal(f"{signing_input}.{b64u_encode(pss)}", rsa_key.public) == expected


def test_s3_a_key_is_bound_to_its_own_id(rsa_key: SigningKey) -> None:
    """Signing with one known key under the id of another of the same ring is a bad signature."""
    other = generate("ES256")
    assert refusal(token_of(header_of(KEY), key=other), KEY.public, other.public) == "signature"
    assert refusal(token_of(header_of(KEY), key=rsa_key), KEY.public, rsa_key.public) == "signature"


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 1000])
def test_s11_only_three_segments_are_a_token(count: int) -> None:
    header, payload, signature = token_of().split(".")
    segments = [header, payload, signature, *["AA"] * count][:count]
    assert refusal(".".join(segments), KEY.public) == "malformed"


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_s11_no_segment_may_be_empty(empty: int) -> None:
    segments = token_of().split(".")
    segments[empty] = ""
    assert refusal(".".join(segments), KEY.public) == "malformed"


def test_s11_an_empty_payload_is_refused_even_when_it_was_signed() -> None:
    header = b64u_encode(json.dumps(header_of()).encode())
    assert refusal(signed(f"{header}."), KEY.public) == "malformed"


def test_s11_an_encrypted_token_is_not_a_signed_one() -> None:
    """Whoever knows the public key can encrypt: decrypting proves nothing, and five segments are never decrypted."""
    header = b64u_encode(json.dumps({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": KEY.kid, "typ": TYP}).encode())
    assert refusal(".".join([header, *["AAAA"] * 4]), KEY.public) == "malformed"
    assert refusal(".".join([header, "AAAA", "AAAA"]), KEY.public) == "alg"


def test_s11_an_honest_token_passes_the_same_verifier(rsa_key: SigningKey) -> None:
    for key in (KEY, rsa_key):
        verifier = JwsVerifier(algorithms=BOTH, typ=TYP)
        assert verifier.verify(sign(CLAIMS, key, typ=TYP), {key.kid: key.public}.get).payload == CLAIMS
