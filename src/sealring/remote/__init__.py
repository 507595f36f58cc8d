"""Verify access tokens in a service that has no store: keys and denials come from the issuer over HTTP.

verifier = Verifier(issuer="https://todo.example", audience="reports", app="todo", feed=FeedAccess(name=…, secret=…))
app = FastAPI(lifespan=lifespan(verifier))
protect(app, verifier)
"""

from sealring.remote.blocking import BlockingVerifier
from sealring.remote.discovery import Discovery
from sealring.remote.feed import FeedAccess, Follow
from sealring.remote.foreign import ForeignIssuer, ForeignToken
from sealring.remote.foreign_verifier import ForeignVerifier
from sealring.remote.policy import RemotePolicy
from sealring.remote.verifier import Verifier, VerifierState

__all__ = [
    "BlockingVerifier",
    "Discovery",
    "FeedAccess",
    "Follow",
    "ForeignIssuer",
    "ForeignToken",
    "ForeignVerifier",
    "RemotePolicy",
    "Verifier",
    "VerifierState",
]
