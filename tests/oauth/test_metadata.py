"""Authorization server metadata (RFC 8414)."""

import pytest

from sealring.oauth import Endpoints, metadata, metadata_path

JWKS = Endpoints(jwks="/.well-known/jwks.json")


@pytest.mark.parametrize(
    ("issuer", "path"),
    [
        ("https://example.com", "/.well-known/oauth-authorization-server"),
        # The example of RFC 8414 section 3.1.
        ("https://example.com/issuer1", "/.well-known/oauth-authorization-server/issuer1"),
        ("https://example.com/issuer1/", "/.well-known/oauth-authorization-server/issuer1"),
        ("https://example.com:8443/a/b", "/.well-known/oauth-authorization-server/a/b"),
        ("http://[::1]:8000", "/.well-known/oauth-authorization-server"),
    ],
)
def test_the_well_known_part_stands_between_host_and_path(issuer: str, path: str) -> None:
    assert metadata_path(issuer) == path


def test_what_is_served_today_is_named_and_nothing_else() -> None:
    assert metadata("https://example.com", JWKS) == {
        "issuer": "https://example.com",
        "jwks_uri": "https://example.com/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": ["refresh_token"],
    }


def test_every_endpoint_that_is_served_is_an_absolute_url_of_the_issuers_origin() -> None:
    served = Endpoints(
        jwks="/keys", token="/oauth/token", revocation="/oauth/revoke", introspection="/oauth/introspect"
    )
    document = metadata("https://example.com:8443/tenant", served)
    assert document["issuer"] == "https://example.com:8443/tenant"
    assert {name: url for name, url in document.items() if name.endswith(("_uri", "_endpoint"))} == {
        "jwks_uri": "https://example.com:8443/keys",
        "token_endpoint": "https://example.com:8443/oauth/token",
        "revocation_endpoint": "https://example.com:8443/oauth/revoke",
        "introspection_endpoint": "https://example.com:8443/oauth/introspect",
    }
