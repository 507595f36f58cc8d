"""What is done when the denylist may have missed something: the policy decides, and everybody can see it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from sealring.clock import Clock
from sealring.errors import StoreUnavailable
from sealring.events import Emitter, FeedFresh, FeedStale, StaleAccepted
from sealring.policy import RevocationPolicy, WhenStale
from sealring.revocation.follower import FeedFollower


class FeedState(StrEnum):
    """Whether this process may rely on its denylist."""

    FRESH = "fresh"
    ACCEPTED = "accepted"  # stale, and accepted for normal routes all the same
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """What is known of the feed at one moment.

    Attributes:
        state: whether the denylist may be relied on.
        age: seconds since it was last known complete; None before the first reading.
    """

    state: FeedState
    age: float | None


class Freshness:
    """Lets an access token be judged by the denylist only as far as the policy allows.

    Args:
        follower: knows how old the news are.
        policy: how old they may be, and what is done when they are older.
        clock: tells how old they are.
        emitter: hears once of each change, and of every token that is accepted on stale news.
        read_now: reads the feed at once; default the follower's ``join``.
    """

    def __init__(
        self,
        *,
        follower: FeedFollower,
        policy: RevocationPolicy,
        clock: Clock,
        emitter: Emitter,
        read_now: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._follower = follower
        self._policy = policy
        self._clock = clock
        self._emitter = emitter
        self._read_now = read_now or follower.join
        self._max_age = policy.max_staleness.total_seconds()
        self._accepted_age = self._max_age + policy.accept_stale_for.total_seconds()
        self._stale_since: float | None = None

    def status(self) -> FeedStatus:
        """Return what is known of the feed just now, and tell of it if it has changed."""
        age = self._follower.age(self._clock.now())
        if age is not None and age <= self._max_age:
            self._tell_fresh()
            return FeedStatus(FeedState.FRESH, age)
        self._tell_stale(age)
        accepted = age is not None and age <= self._accepted_age
        return FeedStatus(FeedState.ACCEPTED if accepted else FeedState.STALE, age)

    async def ensure(self, session_id: str, *, sensitive: bool = False) -> bool:
        """Make sure that the denylist may be relied on for a token.

        Args:
            session_id: the token's, for the event.
            sensitive: whether stale news are never accepted.

        Returns:
            Whether the feed was read, so that the token has to be judged anew.

        Raises:
            StoreUnavailable: the news are stale, and the store did not give fresh ones in time or was not to be asked.
        """
        status = self.status()
        if status.state is FeedState.FRESH:
            return False
        if status.state is FeedState.ACCEPTED and not sensitive:
            self._emitter.emit(StaleAccepted(age=status.age or 0.0, session_id=session_id))
            return False
        if self._policy.when_stale is WhenStale.REFUSE:
            raise StoreUnavailable("the news of revocations are stale")
        await self._ask()
        return True

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(self._policy.ask_within.total_seconds()):
                while self.status().state is not FeedState.FRESH:
                    await self._read_now()
        except TimeoutError:
            raise StoreUnavailable("the news of revocations are stale, and the store did not answer in time") from None

    def _tell_stale(self, age: float | None) -> None:
        if self._stale_since is None:
            self._stale_since = self._clock.monotonic()
            self._emitter.emit(FeedStale(age=age or 0.0))

    def _tell_fresh(self) -> None:
        if self._stale_since is not None:
            stale_for = self._clock.monotonic() - self._stale_since
            self._stale_since = None
            self._emitter.emit(FeedFresh(stale_for=stale_for))
