"""The strict gate: base64url, JSON, algorithms, keys and compact JWS (RFC 7515, 7517, 7518, 7638, 8725).

This room knows nothing of sessions. Everything it refuses is a ``JoseError`` with a stable ``reason``.
"""

from sealring.jose.algorithms import ALGORITHMS
from sealring.jose.encoding import b64u_decode, b64u_encode, dump_json, parse_json_object
from sealring.jose.jwk import SigningKey, VerificationKey, generate, import_public_jwk, thumbprint
from sealring.jose.jws import MAX_TOKEN_BYTES, JwsVerifier, KeyResolver, VerifiedJws, sign, verify

__all__ = [
    "ALGORITHMS",
    "MAX_TOKEN_BYTES",
    "JwsVerifier",
    "KeyResolver",
    "SigningKey",
    "VerificationKey",
    "VerifiedJws",
    "b64u_decode",
    "b64u_encode",
    "dump_json",
    "generate",
    "import_public_jwk",
    "parse_json_object",
    "sign",
    "thumbprint",
    "verify",
]
