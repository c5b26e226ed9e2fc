"""IP addresses: which networks they lie in, and by which key an operator's limits count them.

A client with IPv6 has at least 2^64 addresses, so it is counted by the first 64 bits; IPv4 written as IPv6 is IPv4.
To test: `tests/game_server/session/test_addresses.py`.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from protocol.errors import UsageFault

IPV6_PREFIX_BITS = 64

Address = IPv4Address | IPv6Address
Key = int | str
"""Who shares a limit. An address that is none (a Unix socket's) is its own text."""


@lru_cache(maxsize=1024)
def parse_address(text: str) -> Address | None:
    """Return the address in `text`, or None if there is none; an IPv6 zone is dropped."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def address_key(text: str) -> Key:
    """Return what limits count `text` by: an IPv4 address whole, of an IPv6 one the network."""
    address = parse_address(text)
    if address is None:
        return text
    if isinstance(address, IPv4Address):
        return int(address)
    # Above all IPv4 addresses, whose numbers end at 2^32.
    return (int(address) >> (128 - IPV6_PREFIX_BITS)) + (1 << 32)


def is_loopback(text: str) -> bool:
    """Tell whether `text` is an address of this machine's own loopback."""
    address = parse_address(text)
    return address is not None and address.is_loopback


class Networks:
    """Some networks, as `10.0.0.0/8,::1/128` in a setting. Raises `UsageFault` naming what is none."""

    def __init__(self, text: str = "") -> None:
        self._networks: list[IPv4Network | IPv6Network] = []
        for each in filter(None, (part.strip() for part in text.split(","))):
            try:
                self._networks.append(ip_network(each, strict=False))
            except ValueError:
                raise UsageFault(f"{each!r} is no network; one is written 10.0.0.0/8, fd00::/8 or 192.0.2.7") from None

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, text: str) -> bool:
        address = parse_address(text)
        # An address of one version lies in no network of the other; `in` says so by itself.
        return address is not None and any(address in network for network in self._networks)
