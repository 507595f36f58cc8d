"""Access tokens (RFC 9068): claims and their versions, issue, verify."""

from sealring.access.claims import AccessToken, NoClaims
from sealring.access.issue import AccessTokenIssuer, Grant, Minted
from sealring.access.size import TokenSize, measure
from sealring.access.verify import AccessTokenVerifier, Authenticator
from sealring.access.versions import ClaimsReader, ClaimsSchema

__all__ = [
    "AccessToken",
    "AccessTokenIssuer",
    "AccessTokenVerifier",
    "Authenticator",
    "ClaimsReader",
    "ClaimsSchema",
    "Grant",
    "Minted",
    "NoClaims",
    "TokenSize",
    "measure",
]
