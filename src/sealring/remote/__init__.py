"""Verify access tokens in a service that has no store: keys and denials come from the issuer over HTTP.

verifier = Verifier(issuer="https://todo.example", audience="reports", app="todo", feed=FeedAccess(name=…, secret=…))
app = FastAPI(lifespan=lifespan(verifier))
protect(app, verifier)
"""

from sealring.remote.feed import FeedAccess, Follow
from sealring.remote.policy import RemotePolicy
from sealring.remote.verifier import Verifier, VerifierState

__all__ = ["FeedAccess", "Follow", "RemotePolicy", "Verifier", "VerifierState"]
