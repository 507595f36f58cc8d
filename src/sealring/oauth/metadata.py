"""Authorization server metadata (RFC 8414): what a client learns from one public document."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

_WELL_KNOWN: Final = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Where the endpoints are, as paths from the root of the issuer's origin; None for one that is not served.

    Attributes:
        jwks: the public keys.
        token: the refresh grant (RFC 6749 section 6).
        revocation: RFC 7009.
        introspection: RFC 7662.
    """

    jwks: str
    token: str | None = None
    revocation: str | None = None
    introspection: str | None = None


def metadata_path(issuer: str) -> str:
    """Return the path at which the metadata of an issuer is published.

    Args:
        issuer: the ``iss`` of its tokens.
    """
    # RFC 8414 section 3.1: "any terminating "/" MUST be removed before inserting "/.well-known/" and the well-known
    # URI suffix between the host component and the path component."
    return _WELL_KNOWN + urlsplit(issuer).path.removesuffix("/")


def metadata(issuer: str, endpoints: Endpoints) -> dict[str, object]:
    """Return the metadata document (RFC 8414 section 2).

    Args:
        issuer: the ``iss`` of its tokens, repeated exactly.
        endpoints: those that are served; the document names no other.
    """
    parts = urlsplit(issuer)
    origin = f"{parts.scheme}://{parts.netloc}"
    served = {
        "jwks_uri": endpoints.jwks,
        "token_endpoint": endpoints.token,
        "revocation_endpoint": endpoints.revocation,
        "introspection_endpoint": endpoints.introspection,
    }
    return {
        # RFC 8414 section 3.3: the value "MUST be identical to" the issuer that the client asked about.
        "issuer": issuer,
        **{name: origin + path for name, path in served.items() if path is not None},
        # There is no authorization endpoint. Section 2 requires this member, section 3.2 would leave an empty list
        # out; a reader that insists on it is more common than one that minds it.
        "response_types_supported": [],
        "grant_types_supported": ["refresh_token"],
    }
