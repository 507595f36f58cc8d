"""Access tokens (RFC 9068): claims, issue, verify."""

from sealring.access.claims import AccessToken, NoClaims, check_claims_model
from sealring.access.issue import AccessTokenIssuer, Grant, Minted
from sealring.access.verify import AccessTokenVerifier, Authenticator

__all__ = [
    "AccessToken",
    "AccessTokenIssuer",
    "AccessTokenVerifier",
    "Authenticator",
    "Grant",
    "Minted",
    "NoClaims",
    "check_claims_model",
]
