"""Attacks on the algorithm: S1 (none), S2 (a MAC with a public key), S3 (another than the key's), S11 (other forms)."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from sealring.errors import ConfigurationError
from sealring.jose import JWK, JwsVerifier, SigningKey, VerificationKey, b64u_encode, generate, sign, verify
from tests.attacks.gate import general, key_refusal, reason_of, strict
from tests.jose.making import CLAIMS, KEY, MACS, SIGNATURES, TYP, foreign_token, header_of, key_of, signed, token_of

pytestmark = pytest.mark.usefixtures("no_network")

BOTH = frozenset({"ES256", "RS256"})


def refusal(token: str, *keys: VerificationKey) -> str:
    """Return the reason for which a verifier that allows both algorithms refuses, with these keys or with none."""
    known = {key.kid: key for key in keys}
    return reason_of(lambda: JwsVerifier(algorithms=BOTH, typ=TYP).verify(token, known.get))


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
    for token, reason in (
        (f"{header}.{payload}.", "malformed"),
        (f"{header}.{payload}", "malformed"),
        (f"{header}.{payload}.{old}", "alg"),
        (token_of(header_of(alg=alg)), "alg"),
    ):
        assert general(token, [*keys] or {"keys": []}, algorithms=BOTH) == reason


def test_s1_nobody_can_allow_none() -> None:
    for algorithms in (["none"], ["ES256", "none"], ["NONE"]):
        with pytest.raises(ConfigurationError):
            verify(token_of(), KEY.public, algorithms=algorithms)
    assert "is one of" in key_refusal({**KEY.public.to_jwk(), "alg": "none"})


def test_s1_a_token_without_alg_is_refused() -> None:
    assert refusal(token_of(header_of(alg=None)), KEY.public) == "alg"


def public_texts(key: SigningKey) -> dict[str, bytes]:
    """Return every usual spelling of a public key."""
    private = load_der_private_key(key.private_bytes(), None)
    assert isinstance(private, RSAPrivateKey | EllipticCurvePrivateKey)
    public = private.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    texts = {
        "PEM": pem,
        "PEM without its last line feed": pem.rstrip(),
        "PEM after a byte order mark": b"\xef\xbb\xbf" + pem,
        "PEM with CR LF": pem.replace(b"\n", b"\r\n"),
        "PEM after white space": b" \n" + pem,
        "DER": der,
        "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "JWK": json.dumps(key.public.to_jwk()).encode(),
        "JWKS": json.dumps({"keys": [key.public.to_jwk()]}).encode(),
        "base64 of PEM": base64.b64encode(pem),
        "base64 of DER": base64.b64encode(der),
        "base64url of DER": base64.urlsafe_b64encode(der).rstrip(b"="),
    }
    if isinstance(public, RSAPublicKey):
        texts["PKCS #1 PEM"] = public.public_bytes(Encoding.PEM, PublicFormat.PKCS1)
        texts["PKCS #1 DER"] = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return texts


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def texts_and_key(request: pytest.FixtureRequest, rsa_key: SigningKey) -> tuple[dict[str, bytes], SigningKey]:
    key = KEY if request.param == "ES256" else rsa_key
    return public_texts(key), key


def test_s2_a_mac_made_with_the_public_key_is_refused(texts_and_key: tuple[dict[str, bytes], SigningKey]) -> None:
    """The key is of a type; whatever spelling of it served as the secret, it is never taken for a MAC key."""
    texts, key = texts_and_key
    signing_input = f"{b64u_encode(json.dumps(header_of(key, alg='HS256')).encode())}.{b64u_encode(CLAIMS)}"
    for secret in (b"", key.kid.encode(), *texts.values()):
        forged = f"{signing_input}.{b64u_encode(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"
        assert refusal(forged, key.public) == "alg"
        assert general(forged, key.public, algorithms=BOTH) == "alg"
        # Even where MACs were allowed by name: the key decides, and this one has another algorithm.
        assert general(forged, key.public, algorithms={"HS256"}) == "alg"


def test_s2_no_spelling_of_a_public_key_is_taken_for_a_secret(
    texts_and_key: tuple[dict[str, bytes], SigningKey],
) -> None:
    for name, text in texts_and_key[0].items():
        jwk: dict[str, object] = {"kty": "oct", "alg": "HS256", "k": b64u_encode(text)}
        assert key_refusal(jwk) == "the secret is the text of an asymmetric key", name


def test_s2_text_and_octets_are_never_a_key(texts_and_key: tuple[dict[str, bytes], SigningKey]) -> None:
    texts, key = texts_and_key
    token = sign(CLAIMS, key)
    for text in texts.values():
        for given in (text, bytearray(text), text.decode("latin-1"), [text], [[]], 7, object()):
            for algorithms in (BOTH, {"HS256"}):
                assert general(token, given, algorithms=algorithms) == "key"


def test_s2_an_allow_list_never_holds_macs_and_signatures_together() -> None:
    for algorithms in ({"HS256", "RS256"}, {"HS512", "ES256", "Ed25519"}):
        with pytest.raises(ConfigurationError):
            verify(token_of(), KEY.public, algorithms=algorithms)


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


@pytest.mark.parametrize("claimed", [*SIGNATURES, *MACS])
def test_s3_a_header_that_names_another_algorithm_than_the_keys_is_refused_for_every_pair(claimed: str) -> None:
    for alg in (*SIGNATURES, *MACS):
        key = key_of(alg)
        allowed = {claimed, alg} if key.is_symmetric == (claimed in MACS) else {claimed}
        token = foreign_token({"alg": claimed}, key, sign_with=key_of(claimed))
        if claimed == alg:
            assert verify(token, key, algorithms=allowed).key is key
        else:
            assert general(token, key, algorithms=allowed) == "alg"
        # The signature of the key's own algorithm, under the other's name.
        renamed = foreign_token({"alg": claimed}, key)
        assert claimed == alg or general(renamed, key, algorithms=allowed) == "alg"


def test_s3_ed25519_and_eddsa_are_two_algorithms_although_their_signatures_are_the_same() -> None:
    """RFC 9864 section 2.2: EdDSA is deprecated; it is taken only where the key or the caller says so by name."""
    named = key_of("Ed25519")
    members = {name: value for name, value in named.to_dict().items() if name not in {"alg", "kid"}}
    old = JWK.from_dict(members, alg="EdDSA")
    token, old_token = foreign_token({"alg": "Ed25519"}, named), foreign_token({"alg": "EdDSA"}, named)
    everything = {"Ed25519", "EdDSA"}
    assert verify(token, named, algorithms=everything).payload == CLAIMS
    assert verify(old_token, old, algorithms=everything).payload == CLAIMS
    assert general(old_token, named, algorithms=everything) == "alg"
    assert general(token, old, algorithms=everything) == "alg"
    assert JWK.from_dict(members).alg == "Ed25519"
    assert verify(old_token, members, algorithms={"EdDSA"}).key.alg == "EdDSA"
    assert general(old_token, members, algorithms={"Ed25519"}) == "alg"


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
    assert general(".".join(segments)) == "malformed"


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_s11_no_segment_may_be_empty(empty: int) -> None:
    segments = token_of().split(".")
    segments[empty] = ""
    assert refusal(".".join(segments), KEY.public) == "malformed"
    # Foreign makers may sign nothing at all, but a payload that was cut out breaks the signature.
    assert general(".".join(segments)) == ("signature" if empty == 1 else "malformed")


def test_s11_a_detached_payload_is_not_put_back() -> None:
    """RFC 7515 appendix F."""
    header, _, signature = token_of().split(".")
    assert general(f"{header}..{signature}") == "signature"
    assert verify(sign(b"", KEY), KEY, algorithms=["ES256"]).payload == b""


def test_s11_an_empty_payload_is_refused_even_when_it_was_signed() -> None:
    header = b64u_encode(json.dumps(header_of()).encode())
    assert refusal(signed(f"{header}."), KEY.public) == "malformed"


def test_s11_an_encrypted_token_is_not_a_signed_one() -> None:
    """Whoever knows the public key can encrypt: decrypting proves nothing, and five segments are never decrypted."""
    header = b64u_encode(json.dumps({"alg": "RSA-OAEP", "enc": "A256GCM", "kid": KEY.kid, "typ": TYP}).encode())
    assert refusal(".".join([header, *["AAAA"] * 4]), KEY.public) == "malformed"
    assert refusal(".".join([header, "AAAA", "AAAA"]), KEY.public) == "alg"
    assert general(".".join([header, *["AAAA"] * 4])) == "malformed"
    assert general(".".join([header, "AAAA", "AAAA"])) == "alg"
    assert strict(".".join([header, "", "AAAA", "AAAA", "AAAA"])) == "malformed"


def test_s11_an_honest_token_passes_the_same_verifier(rsa_key: SigningKey) -> None:
    for key in (KEY, rsa_key):
        verifier = JwsVerifier(algorithms=BOTH, typ=TYP)
        assert verifier.verify(sign(CLAIMS, key, typ=TYP), {key.kid: key.public}.get).payload == CLAIMS
