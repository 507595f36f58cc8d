"""Which addresses an outgoing request may reach: the public Internet, and what the operator names."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from sealring.errors import ConfigurationError

Address = IPv4Address | IPv6Address

# RFC 6052 section 2.1: an IPv4 address in the last 32 bits.
_NAT64: Final = IPv6Network("64:ff9b::/96")


class AddressRule:
    """Tells whether an address may be connected to.

    RFC 8725bis: an address that a URL leads to must not be one of this machine or of its network; an operator whose
    issuer stands inside says so.

    Args:
        private_networks: networks in CIDR form that may be reached although they are not public; default none.

    Raises:
        ConfigurationError: one is no network.
    """

    def __init__(self, private_networks: Iterable[str] = ()) -> None:
        try:
            self._named: Final = tuple(ip_network(each) for each in private_networks)
        except ValueError as error:
            raise ConfigurationError(f"A private network is written like 10.0.0.0/8: {error}.") from None

    def allows(self, address: str) -> bool:
        """Tell whether an address, as a resolver gives it, may be connected to."""
        try:
            meant = embedded(ip_address(address))
        except ValueError:
            return False
        return is_public(meant) or any(meant in network for network in self._named)


def embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public Internet: no loopback, no private or link-local network."""
    # RFC 3879: site-local addresses are deprecated, and still nobody's but a site's.
    site_local = isinstance(address, IPv6Address) and address.is_site_local
    return address.is_global and not (address.is_multicast or address.is_reserved or site_local)
