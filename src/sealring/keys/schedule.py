"""When a key moves: the times of the policy in seconds, with everything that they must leave room for."""

from dataclasses import dataclass

from sealring.policy import Policy


@dataclass(frozen=True, slots=True)
class Schedule:
    """The times of the ring, in seconds.

    Attributes:
        period: a key signs for this long; default 30 days.
        announce: a key is announced for this long before it signs on schedule; default 24 hours.
        known_after: the time after which every verifier knows an announced key: each process has read the ring again,
            and each cached JWKS has run out; default 8 minutes.
        overlap: a key that stopped signing verifies for this long: until its last token is dead, the last one of a
            process that heard of the change late included; default 1,100 seconds.
        keep: a retired key stays in the ring for this long, so that an old token of it is told from a forged one and
            its holder refreshes; default 30 days.
    """

    period: float = 30 * 86_400.0
    announce: float = 86_400.0
    known_after: float = 480.0
    overlap: float = 1_100.0
    keep: float = 30 * 86_400.0

    @staticmethod
    def of(policy: Policy) -> "Schedule":
        """Return the schedule of a policy.

        A retired key is kept as long as a session may live, because somebody may come back with any token of it.
        """
        keys = policy.keys
        return Schedule(
            period=keys.period.total_seconds(),
            announce=keys.announce.total_seconds(),
            known_after=keys.known_after.total_seconds(),
            overlap=(policy.token_afterlife + 2 * keys.follow_every).total_seconds(),
            keep=policy.sessions.absolute.total_seconds(),
        )
