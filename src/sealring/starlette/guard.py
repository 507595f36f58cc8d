"""What the middleware needs from the object that it stands for."""

from typing import Any, Protocol

from sealring.access.claims import AccessToken
from sealring.access.verify import Authenticator
from sealring.events import Event
from sealring.policy import Policy


class RequestGuard(Authenticator[Any], Protocol):
    """What the middleware needs: the ``Sealring`` object, or a verifier that knows only public keys."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        ...

    def confirm(self, token: AccessToken[Any]) -> None:
        """Take note that the generation of a verified token was seen."""
        ...

    def emit(self, event: Event) -> None:
        """Hand an event to the sinks."""
        ...
