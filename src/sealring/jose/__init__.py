"""The gate: base64url, JSON, algorithms, keys and compact JWS (RFC 7515, 7517, 7518, 7638, 8037, 8725, 9864).

Two profiles. :class:`JwsVerifier` is the strict one, for tokens that this system makes itself. :func:`verify` and
:func:`sign` with :class:`JWK` and :class:`JWKSet` are the general one, for tokens and keys of others; ``docs/jose.md``
compares them. This room knows nothing of sessions. Everything it refuses is a ``JoseError`` with a stable ``reason``.
"""

from sealring.jose.algorithms import ALGORITHMS
from sealring.jose.compact import MAX_GENERAL_BYTES, Verified, sign, verify
from sealring.jose.encoding import b64u_decode, b64u_encode, dump_json, parse_json_object
from sealring.jose.jwk import SigningKey, VerificationKey, generate, import_public_jwk, thumbprint
from sealring.jose.jwks import JWKSet, SkippedKey
from sealring.jose.jws import MAX_TOKEN_BYTES, JwsVerifier, KeyResolver, VerifiedJws
from sealring.jose.key import JWK

__all__ = [
    "ALGORITHMS",
    "JWK",
    "MAX_GENERAL_BYTES",
    "MAX_TOKEN_BYTES",
    "JWKSet",
    "JwsVerifier",
    "KeyResolver",
    "SigningKey",
    "SkippedKey",
    "VerificationKey",
    "Verified",
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
