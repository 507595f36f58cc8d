"""Finds the keys of an issuer in its metadata (RFC 8414), which must be the issuer's own."""

from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from sealring.errors import ConfigurationError, JoseError, StoreUnavailable
from sealring.jose import parse_json_object
from sealring.oauth.metadata import metadata_path
from sealring.remote.http import HttpClient
from sealring.remote.urls import checked_url, origin_of

_JSON: Final = frozenset({"application/json"})
_LONGEST: Final = 64 * 1024
_DEPTH: Final = 8


class Discovery(StrEnum):
    """Where an issuer publishes its metadata."""

    OAUTH = "oauth"  # RFC 8414 section 3.1: /.well-known/oauth-authorization-server before the issuer's path
    OPENID = "openid"  # OpenID Connect Discovery section 4: /.well-known/openid-configuration after it


def metadata_url(issuer: str, discovery: Discovery = Discovery.OAUTH) -> str:
    """Return the URL of the metadata of an issuer."""
    if discovery is Discovery.OPENID:
        return issuer.removesuffix("/") + "/.well-known/openid-configuration"
    return origin_of(issuer) + metadata_path(issuer)


async def find_jwks_uri(
    client: HttpClient, issuer: str, *, discovery: Discovery, plain_http: bool, within: float
) -> str:
    """Fetch the metadata of an issuer and return the URL of its keys.

    Args:
        client: fetches.
        issuer: the exact ``iss`` of its tokens.
        discovery: where the metadata is.
        plain_http: whether ``http`` URLs will do.
        within: seconds for the fetch.

    Raises:
        StoreUnavailable: there is no such metadata, it is another issuer's, or it names no URL that may be fetched.
    """
    url = metadata_url(issuer, discovery)
    answer = await client.get(url, media_types=_JSON, limit=_LONGEST, within=within, headers={})
    try:
        document = parse_json_object(answer.body, max_depth=_DEPTH, what="the metadata")
    except JoseError as error:
        raise StoreUnavailable(f"{urlsplit(issuer).hostname}: {error.detail}") from None
    # RFC 8414 section 3.3: the value "MUST be identical to the authorization server's issuer identifier value into
    # which the well-known URI string was inserted".
    if document.get("issuer") != issuer:
        raise StoreUnavailable("the metadata is another issuer's, so nothing of it is used")
    try:
        return checked_url(document.get("jwks_uri"), plain_http=plain_http)
    except ConfigurationError as error:
        raise StoreUnavailable(f"the metadata names no usable address of keys: {error.detail}") from None
