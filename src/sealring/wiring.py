"""Puts the parts of one :class:`~sealring.service.Sealring` together, in the order of the rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from sealring.access.claims import ClaimsT
from sealring.access.issue import AccessTokenIssuer
from sealring.access.verify import AccessTokenVerifier
from sealring.access.versions import ClaimsSchema
from sealring.clock import Clock
from sealring.events import Emitter
from sealring.keys.ring import KeyRing
from sealring.keys.schedule import Schedule
from sealring.keys.signer import ExternalKeys
from sealring.keys.wrapping import KeyEncryptionKeys
from sealring.policy import Policy
from sealring.revocation.denylist import Denylist
from sealring.revocation.distrust import KeyDistruster
from sealring.revocation.follower import FeedFollower
from sealring.revocation.freshness import Freshness
from sealring.runtime import Job
from sealring.sessions.confirm import Confirmer
from sealring.sessions.connections import Connections
from sealring.sessions.end import SessionEnder
from sealring.sessions.mint import SessionMinter
from sealring.sessions.open import SessionOpener
from sealring.sessions.purge import Purger
from sealring.sessions.refresh import Refresher
from sealring.sessions.restore import DenialRestorer
from sealring.sessions.standing import SessionStanding
from sealring.sessions.subject import SubjectLoader
from sealring.sessions.token import RefreshKeys
from sealring.stores.base import Store
from sealring.web.cookies import access_cookie


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials(Generic[ClaimsT]):
    """What the parts are made of; the arguments of :class:`~sealring.service.Sealring`."""

    policy: Policy
    store: Store
    key_encryption: KeyEncryptionKeys
    refresh_keys: RefreshKeys
    load_subject: SubjectLoader
    claims: ClaimsSchema[ClaimsT]
    emitter: Emitter
    clock: Clock
    entropy: Callable[[int], bytes]
    external_keys: ExternalKeys | None


class Parts(Generic[ClaimsT]):
    """One object of each room, joined; it decides nothing itself.

    Args:
        made_of: the arguments of the service.

    Raises:
        ConfigurationError: a token within its budget would not fit into its cookie, or the version of claims to write
            cannot be reached.
    """

    def __init__(self, made_of: Materials[ClaimsT]) -> None:
        self._policy = made_of.policy
        self._clock = made_of.clock
        self._store = made_of.store
        self.denylist = Denylist()
        self.keys = _key_ring(made_of)
        self.distruster = KeyDistruster(ring=self.keys, feed=made_of.store, denylist=self.denylist, clock=made_of.clock)
        self.follower = FeedFollower(
            store=made_of.store,
            denylist=self.denylist,
            clock=made_of.clock,
            emitter=made_of.emitter,
        )
        self.freshness = Freshness(
            follower=self.follower,
            policy=made_of.policy.revocation,
            clock=made_of.clock,
            emitter=made_of.emitter,
        )
        self.verifier = AccessTokenVerifier(
            policy=made_of.policy,
            claims=made_of.claims,
            resolve_key=self.keys.resolve_key,
            is_in_use=self.keys.is_in_use,
            denylist=self.denylist,
        )
        self.confirmer = Confirmer(made_of.store, made_of.policy.sessions)
        self.ender = SessionEnder(
            store=made_of.store,
            keys=made_of.refresh_keys,
            denylist=self.denylist,
            afterlife=made_of.policy.token_afterlife,
            clock=made_of.clock,
            emitter=made_of.emitter,
        )
        self.opener = SessionOpener(
            store=made_of.store,
            keys=made_of.refresh_keys,
            policy=made_of.policy.sessions,
            ender=self.ender,
            clock=made_of.clock,
            entropy=made_of.entropy,
            emitter=made_of.emitter,
        )
        self.refresher = Refresher(
            store=made_of.store,
            keys=made_of.refresh_keys,
            policy=made_of.policy.sessions,
            denylist=self.denylist,
            ender=self.ender,
            clock=made_of.clock,
            emitter=made_of.emitter,
        )
        self.minter = _minter(made_of, self.distruster)
        self.standing = SessionStanding(store=made_of.store, minter=self.minter, clock=made_of.clock)
        self.connections = Connections(
            denylist=self.denylist,
            refuse=self.verifier.check_denied,
            end_of=self.standing.end_of,
            recheck_every=made_of.policy.access.lifetime.total_seconds(),
            clock=made_of.clock,
            emitter=made_of.emitter,
        )
        self.restorer = DenialRestorer(
            follower=self.follower, store=made_of.store, clock=made_of.clock, emitter=made_of.emitter
        )
        self.purger = Purger(
            sessions=made_of.store,
            feed=made_of.store,
            leases=made_of.store,
            policy=made_of.policy.sessions,
            clock=made_of.clock,
            entropy=made_of.entropy,
            emitter=made_of.emitter,
        )

    async def load(self) -> None:
        """Read the keys and every denial; before that, no token can be judged."""
        await self.keys.start()
        await self.follow_feed()

    async def follow_feed(self) -> None:
        """Take in what other processes have denied."""
        await self.follower.catch_up()
        await self.restorer.restore()
        # A denied key must not stay in use until the next look at the ring.
        await self.distruster.finish()

    async def watch_feed(self) -> None:
        """Take it in as soon as the store tells that there is some."""
        await self.follower.watch(self._store.watch_feed(), self.follow_feed)

    async def look_at_feed(self) -> None:
        """Notice that the news became stale, also while no request comes."""
        self.freshness.status()

    async def flush_confirmations(self) -> int:
        """Write which generations were seen and return of how many sessions."""
        return await self.confirmer.flush(self._clock.now())

    def jobs(self) -> tuple[Job, ...]:
        """Return the background work."""
        poll_every = self._policy.revocation.poll_every.total_seconds()
        keys_every = self._policy.keys.follow_every.total_seconds()
        confirm_every = max(0.05, self._policy.sessions.confirm_within.total_seconds() / 2)
        purge_every = self._policy.sessions.purge_every.total_seconds()
        return (
            # Never less often than this, also after failures: when the store is back, nobody waits for news.
            Job("follow_feed", poll_every, self.follow_feed, longest_pause=poll_every),
            Job("watch_feed", poll_every, self.watch_feed, lasting=True),
            Job("watch_connections", poll_every, self.connections.look),
            Job("look_at_feed", poll_every, self.look_at_feed),
            Job("confirm", confirm_every, self.flush_confirmations, at_stop=True),
            # It reads the ring, and does what is due; whichever process comes first does it for all.
            # Between two looks of a process there is never more than the interval of the policy.
            Job("follow_keys", keys_every * 0.9, self.keys.rotate, jitter=keys_every * 0.1),
            # Every process looks; a lease lets one purge at a time.
            Job("purge", purge_every * 0.9, self.purger.purge, jitter=purge_every * 0.1),
        )


def _key_ring(made_of: Materials[ClaimsT]) -> KeyRing:
    return KeyRing(
        made_of.store,
        made_of.key_encryption,
        clock=made_of.clock,
        events=made_of.emitter,
        schedule=Schedule.of(made_of.policy),
        alg=made_of.policy.access.algorithm,
        cooldown=made_of.policy.keys.reload_cooldown.total_seconds(),
        external=made_of.external_keys,
    )


def _minter(made_of: Materials[ClaimsT], distruster: KeyDistruster) -> SessionMinter[ClaimsT]:
    issuer = AccessTokenIssuer(
        policy=made_of.policy,
        claims=made_of.claims,
        signer=distruster.signer,
        entropy=made_of.entropy,
        emitter=made_of.emitter,
        cookie=access_cookie(made_of.policy),
    )
    return SessionMinter(
        issuer=issuer, load_subject=made_of.load_subject, claims=made_of.claims.model, emitter=made_of.emitter
    )
