"""The numbers of a verifier without a store, in one frozen value that checks itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sealring.errors import ConfigurationError
from sealring.remote.addresses import AddressRule


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePolicy:
    """How keys and documents are fetched.

    Attributes:
        keys_max_age: keys are fetched again after this time where the issuer says nothing about it; default 5 minutes,
            30 seconds to 1 hour. What the issuer says counts within the same bounds.
        keys_stale_for: while the issuer does not answer, its keys stay in use until they are this old; default 1 hour,
            from ``keys_max_age`` to 7 days.
        unknown_key_every: tokens that name an unknown key cause at most one fetch in this time, whatever their number;
            default 1 minute, 1 second to 1 hour.
        fetch_within: the longest time of one fetch as a whole; default 5 seconds, 0.1 to 60 seconds.
        start_within: how long starting waits for the issuer to answer; default 10 seconds, at most 10 minutes.
        private_networks: networks in CIDR form that may be reached although they are not public, for an issuer that
            stands inside, for example ``("10.0.0.0/8",)``; default none.
        insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens: whether ``http`` URLs are fetched; for
            development on one machine only; default False.
    """

    keys_max_age: timedelta = timedelta(minutes=5)
    keys_stale_for: timedelta = timedelta(hours=1)
    unknown_key_every: timedelta = timedelta(minutes=1)
    fetch_within: timedelta = timedelta(seconds=5)
    start_within: timedelta = timedelta(seconds=10)
    private_networks: tuple[str, ...] = ()
    insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens: bool = False

    def __post_init__(self) -> None:
        hour = timedelta(hours=1)
        _between("The age of fetched keys", self.keys_max_age, timedelta(seconds=30), hour)
        _between("The age of keys without their issuer", self.keys_stale_for, self.keys_max_age, timedelta(days=7))
        _between("The time between two unknown keys", self.unknown_key_every, timedelta(seconds=1), hour)
        _between("The time of one fetch", self.fetch_within, timedelta(seconds=0.1), timedelta(seconds=60))
        _between("The time to start in", self.start_within, timedelta(0), timedelta(minutes=10))
        object.__setattr__(self, "private_networks", _networks(self.private_networks))

    @property
    def plain_http(self) -> bool:
        """Whether ``http`` URLs are fetched."""
        return self.insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens


def _networks(given: Iterable[str]) -> tuple[str, ...]:
    networks = tuple(given)
    AddressRule(networks)
    return networks


def _between(name: str, value: timedelta, low: timedelta, high: timedelta) -> None:
    if not low <= value <= high:
        raise ConfigurationError(f"{name} is {value}; it must be from {low} to {high}.")
