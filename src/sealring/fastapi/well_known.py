"""The public documents: the keys that verify, and what this authorization server offers."""

import json
from typing import Any

from fastapi import APIRouter, Request, Response

from sealring.oauth.metadata import Endpoints, metadata, metadata_path
from sealring.service import Sealring
from sealring.web.conditional import entity_tag, is_known

JWKS_PATH = "/.well-known/jwks.json"


class WellKnownEndpoints:
    """Serves the JWK Set (RFC 7517 section 5) and the metadata (RFC 8414), each with the cache time of the keys.

    Args:
        ring: whose keys and issuer.
        endpoints: that the application serves; default the JWK Set alone.
    """

    def __init__(self, ring: Sealring[Any], endpoints: Endpoints | None = None) -> None:
        self._ring = ring
        self._endpoints = endpoints or Endpoints(jwks=JWKS_PATH)
        # A key is announced for longer than this before it signs, so nobody's cached copy lacks the key that signs.
        self._cache_control = f"public, max-age={int(ring.policy.keys.jwks_max_age.total_seconds())}"

    def add_to(self, router: APIRouter) -> None:
        """Add both routes; the router belongs at the root of the issuer's origin."""
        add = router.add_api_route
        add(JWKS_PATH, self.jwks, methods=["GET"], operation_id="getJwks", tags=["keys"])
        path = metadata_path(self._ring.policy.issuer)
        add(path, self.metadata, methods=["GET"], operation_id="getMetadata", tags=["keys"])

    async def jwks(self, request: Request) -> Response:
        """Publish the public keys (RFC 7517 section 5)."""
        return self._answer(request, self._ring.keys.jwks(), "application/jwk-set+json")

    async def metadata(self, request: Request) -> Response:
        """Publish what this authorization server offers (RFC 8414 section 3)."""
        return self._answer(request, metadata(self._ring.policy.issuer, self._endpoints), "application/json")

    def _answer(self, request: Request, document: object, media_type: str) -> Response:
        body = json.dumps(document, separators=(",", ":")).encode()
        tag = entity_tag(body)
        headers = {"Cache-Control": self._cache_control, "ETag": tag}
        if is_known(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)
