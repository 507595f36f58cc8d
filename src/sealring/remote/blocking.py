"""The same verifier for code that is not asynchronous."""

from contextlib import ExitStack
from types import TracebackType
from typing import Generic, Self

from anyio.from_thread import BlockingPortal, start_blocking_portal

from sealring.access.claims import AccessToken, ClaimsT
from sealring.errors import ConfigurationError
from sealring.remote.verifier import Verifier, VerifierState


class BlockingVerifier(Generic[ClaimsT]):
    """Verifies from any thread; use it as ``with``, or call :meth:`close`.

    The verifier runs in a thread of its own with its own event loop: a call goes there and back, some tenths of a
    millisecond more than an asynchronous one. It must be made after a server has forked its workers.

    Args:
        verifier: not started, and used by nobody else.
    """

    def __init__(self, verifier: Verifier[ClaimsT]) -> None:
        self._verifier = verifier
        self._portal: BlockingPortal | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Load keys and denials and start the background work.

        Raises:
            StoreUnavailable: the issuer did not answer within the policy's ``start_within``.
        """
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(name="sealring verifier"))
            stack.enter_context(portal.wrap_async_context_manager(self._verifier))
            self._portal = portal
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the background work and its thread."""
        self.close()

    def close(self) -> None:
        """Stop the background work and its thread; repeating it is harmless."""
        self._portal = None
        self._stack.close()

    def authenticate(self, text: str) -> AccessToken[ClaimsT]:
        """Verify an access token; see :meth:`Verifier.authenticate`.

        Raises:
            RefusedError: with the code that says why.
            ConfigurationError: the verifier is not running.
        """
        return self._running().call(self._verifier.authenticate, text)

    def state(self) -> VerifierState:
        """Return what is known of the issuer just now.

        Raises:
            ConfigurationError: the verifier is not running.
        """
        return self._running().call(self._verifier.state)

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            raise ConfigurationError("Enter the verifier first: with BlockingVerifier(…) as verifier.")
        return self._portal
