"""A verifier without our store: another service that knows the JWK Set, and caches it for as long as it may."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sealring.jose import JwsVerifier, VerificationKey, import_public_jwk

Fetch = Callable[[], dict[str, list[dict[str, object]]]]


@dataclass
class JwksReader:
    """Caches a JWK Set and never asks for it earlier than it has to.

    Attributes:
        max_age: seconds for which the set may be cached.
        now: tells its time.
    """

    max_age: float
    now: Callable[[], float]
    fetches: int = 0
    _keys: dict[str, VerificationKey] = field(default_factory=dict)
    _fetched_at: float = float("-inf")

    def fetch(self, published: Fetch) -> None:
        """Fetch the set now."""
        self._keys = {key.kid: key for key in map(import_public_jwk, published()["keys"])}
        self._fetched_at = self.now()
        self.fetches += 1

    def accepts(self, token: str, published: Fetch) -> str:
        """Return the id of the key that signed; the set is fetched only when its cached copy has run out.

        Raises:
            JoseError: the token is not good, or its key is not in the set that this verifier has.
        """
        if self.now() - self._fetched_at >= self.max_age:
            self.fetch(published)
        return JwsVerifier(algorithms=frozenset({"ES256"}), typ="at+jwt").verify(token, self._keys.get).kid
