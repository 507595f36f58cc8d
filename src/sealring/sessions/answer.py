"""What a login or a refresh gives: times and names for the client, and the tokens that the transport carries."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sealring.policy import SessionPolicy
from sealring.sessions.record import SessionRow


@dataclass(frozen=True, slots=True)
class SessionView:
    """What the client may know about its session; no token is in it.

    Attributes:
        outcome: ``opened``, ``rotated``, ``replayed``, ``unchanged``, ``adopted`` or ``current``.
        row: the session.
        issued_at: ``iat`` of its access token, seconds since the epoch.
        expires_at: ``exp`` of its access token, seconds since the epoch.
        user: what the application tells about the account.
    """

    outcome: str
    row: SessionRow
    issued_at: int
    expires_at: int
    user: Mapping[str, object]

    def body(self, now: float, policy: SessionPolicy) -> dict[str, object]:
        """Return the JSON body of the session answer; the contract stands in ``spec/README.md``.

        Args:
            now: seconds since the epoch.
            policy: how long before expiry a client should refresh.
        """
        expires_in = max(0.0, self.expires_at - now)
        # At most half a life early: with short lives a fixed lead would refresh in a loop.
        lead = min(policy.refresh_lead.total_seconds(), (self.expires_at - self.issued_at) / 2)
        return {
            "outcome": self.outcome,
            "now_ms": int(now * 1000),
            "expires_in": round(expires_in, 3),
            "refresh_in": round(max(0.0, expires_in - lead), 3),
            "idle_expires_in": round(max(0.0, self.row.end - now), 3),
            "session_expires_in": round(max(0.0, self.row.absolute_end - now), 3),
            "session_id": self.row.session_id,
            "generation": self.row.generation,
            "binding": self.row.cnf_kind or "none",
            "user": dict(self.user),
        }


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """A session with fresh tokens.

    Attributes:
        view: what the client may know.
        access_token: the compact JWS.
        refresh_token: None where the client keeps the one it has.
    """

    view: SessionView
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
