"""Which addresses may be reached: the Internet, and what an operator names."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import ConfigurationError
from sealring.remote.addresses import AddressRule

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1",
    "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1",
    # An IPv4 address inside of an IPv6 one: mapped, compatible, 6to4, Teredo, NAT64.
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::7f00:1", "2002:7f00:1::", "2002:a00:1::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::1",
]
NONSENSE = [
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.0.0.1:80",
    "[::1]",
    " 8.8.8.8",
    "8.8.8.8/32",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_this_machine_and_its_networks_are_not_reached(address: str) -> None:
    assert not AddressRule().allows(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_reached(address: str) -> None:
    assert AddressRule().allows(address)


@pytest.mark.parametrize("text", NONSENSE)
def test_what_a_resolver_would_never_give_is_not_reached(text: str) -> None:
    assert not AddressRule().allows(text)


def test_a_network_that_is_named_is_reached_and_no_other_however_it_is_spelled() -> None:
    rule = AddressRule(("10.0.0.0/8", "fd12::/16"))
    assert all(rule.allows(address) for address in ("10.1.2.3", "::ffff:10.1.2.3", "fd12::1", "8.8.8.8"))
    assert not any(rule.allows(address) for address in ("127.0.0.1", "192.168.0.1", "::1", "fd13::1"))


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_every_spelling(address: IPv4Address) -> None:
    rule = AddressRule()
    mapped = IPv6Address((0xFFFF << 32) | int(address))
    nat64 = IPv6Address((0x64_FF9B << 96) | int(address))
    assert rule.allows(str(address)) == rule.allows(str(mapped)) == rule.allows(str(nat64))


@given(st.sampled_from(["10.0.0.0/8", "127.0.0.0/8", "192.168.0.0/16", "169.254.0.0/16"]), st.data())
def test_no_address_of_a_private_network_is_reached_unless_it_is_named(network: str, data: st.DataObject) -> None:
    address = str(data.draw(st.ip_addresses(network=network)))
    assert not AddressRule().allows(address)
    assert AddressRule((network,)).allows(address)


@pytest.mark.parametrize("network", ["", "10.0.0.1/8", "localhost", "10.0.0.0/33", "::1/129", "private"])
def test_what_is_no_network_is_refused_when_it_is_configured(network: str) -> None:
    with pytest.raises(ConfigurationError, match=r"like 10\.0\.0\.0/8"):
        AddressRule((network,))
