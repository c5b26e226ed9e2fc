"""Addresses: their networks, and what limits count them by."""

import pytest

from game_server.session.addresses import Networks, address_key, is_loopback, parse_address
from protocol.errors import UsageFault


def test_ipv4_is_counted_whole() -> None:
    assert address_key("192.0.2.7") != address_key("192.0.2.8")


def test_ipv6_is_counted_by_its_first_64_bits() -> None:
    assert address_key("2001:db8:1:2::1") == address_key("2001:db8:1:2:ffff:ffff:ffff:ffff")
    assert address_key("2001:db8:1:2::1") != address_key("2001:db8:1:3::1")


def test_ipv4_written_as_ipv6_is_ipv4() -> None:
    assert address_key("::ffff:192.0.2.7") == address_key("192.0.2.7")
    assert "::ffff:127.0.0.1" in Networks("127.0.0.0/8") and is_loopback("::ffff:127.0.0.1")


def test_no_ipv4_address_shares_a_limit_with_an_ipv6_network() -> None:
    assert address_key("0.0.0.1") != address_key("0:0:0:1::5")


def test_a_zone_is_dropped_and_what_is_no_address_is_its_own_text() -> None:
    assert address_key("fe80::1%eth0") == address_key("fe80::1")
    assert address_key("") == "" and address_key("unix:/x") == "unix:/x"
    assert parse_address("nonsense") is None and not is_loopback("") and "nonsense" not in Networks("0.0.0.0/0,::/0")


def test_networks_hold_what_lies_in_them() -> None:
    networks = Networks(" 10.0.0.0/8, ::1/128 ,192.0.2.7,10.1.2.3/16")
    assert networks and not Networks("") and not Networks()
    assert all(each in networks for each in ("10.255.0.1", "::1", "192.0.2.7"))
    assert not any(each in networks for each in ("11.0.0.1", "::2", "192.0.2.8"))


def test_what_is_no_network_is_named() -> None:
    with pytest.raises(UsageFault, match=r"'10\.0\.0\.0/33'"):
        Networks("::1/128,10.0.0.0/33")


def test_loopback_is_known() -> None:
    assert is_loopback("127.0.0.5") and is_loopback("::1") and not is_loopback("10.0.0.1")
