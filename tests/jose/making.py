"""Makes tokens that break one rule each, with a fixed key that is good for nothing else."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealring.jose import JWK, SigningKey, b64u_encode

TYP = "at+jwt"
ES256 = frozenset({"ES256"})
ORDER = ec.SECP256R1.group_order
CLAIMS = b'{"iss":"https://issuer.example","sub":"user-1","exp":1767225600}'


def fixed_key(label: str = "sealring test vectors") -> SigningKey:
    """Return the ES256 key of a label; everybody can derive it."""
    scalar = int.from_bytes(hashlib.sha256(label.encode()).digest(), "big") % (ORDER - 1) + 1
    private = ec.derive_private_key(scalar, ec.SECP256R1())
    return SigningKey.from_private_bytes(
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "ES256"
    )


KEY = fixed_key()
OTHER_KEY = fixed_key("another key")


def header_of(key: SigningKey = KEY, **changes: object) -> dict[str, object]:
    """Return the header that a good token has, with changes; a value of None removes the name."""
    header: dict[str, object] = {"alg": key.alg, "kid": key.kid, "typ": TYP, **changes}
    return {name: value for name, value in header.items() if value is not None}


def token_of(
    header: Mapping[str, object] | bytes | None = None, payload: bytes = CLAIMS, *, key: SigningKey = KEY
) -> str:
    """Return a token signed over any header and payload, however wrong."""
    raw = header if isinstance(header, bytes) else json.dumps(header_of() if header is None else header).encode()
    return signed(f"{b64u_encode(raw)}.{b64u_encode(payload)}", key=key)


def signed(signing_input: str, *, key: SigningKey = KEY) -> str:
    """Return the input with its signature as a third segment."""
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode('utf-8')))}"


def with_signature(token: str, signature: bytes) -> str:
    """Return the token with another signature."""
    return f"{token.rpartition('.')[0]}.{b64u_encode(signature)}"


def loosened(segment: str) -> str:
    """Return a segment with a non-zero unused bit: another spelling of the same bytes for a lenient decoder."""
    if len(segment) % 4 == 0:
        raise ValueError("this segment has no unused bits")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


SIGNATURES = (
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
)
MACS = ("HS256", "HS384", "HS512")


@cache
def key_of(alg: str) -> JWK:
    """Return a private or symmetric key of an algorithm, the same each time; the six of RSA share their numbers."""
    if alg[:2] in {"RS", "PS"} and alg != "RS256":
        return JWK.from_dict({**key_of("RS256").to_dict(private=True), "alg": alg, "kid": f"key-{alg}"})
    return JWK.generate(alg, kid=f"key-{alg}")


def foreign_token(
    header: Mapping[str, object] | bytes, key: JWK, payload: bytes = CLAIMS, *, sign_with: JWK | None = None
) -> str:
    """Return a token of somebody else, signed over any header and payload, however wrong."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    signing_input = f"{b64u_encode(raw)}.{b64u_encode(payload)}"
    return f"{signing_input}.{b64u_encode((sign_with or key).sign(signing_input.encode()))}"
