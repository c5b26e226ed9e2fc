"""Forwarded: who is behind a proxy, and who only says so."""

import pytest

from game_server.session.addresses import Networks
from game_server.shell.forwarded import client_ip

TRUSTED = Networks("10.0.0.0/8,::1/128")


@pytest.mark.parametrize(
    ("peer", "lines", "found"),
    [
        ("192.0.2.1", ["6.6.6.6"], "192.0.2.1"),  # a stranger speaks for nobody
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, 192.0.2.7"], "192.0.2.7"),  # what stands left the client wrote
        ("10.0.0.1", ["6.6.6.6", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0.2, 10.0.0.3"], "192.0.2.7"),  # a chain of ours
        ("10.0.0.1", ["10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["192.0.2.7, unknown"], None),  # malformed where only our proxy writes
        ("10.0.0.1", [""], None),
        ("10.0.0.1", ["192.0.2.7, "], None),
        ("10.0.0.1", ["127.0.0.1, rubbish, 10.0.0.2"], None),
        ("10.0.0.1", ["192.0.2.7:1234"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6:1, 192.0.2.7:65535, 10.0.0.2:80"], "192.0.2.7"),
        ("10.0.0.1", ["[2001:db8::1]:567"], "2001:db8::1"),
        ("10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.0.0.1", ["[::ffff:192.0.2.7]:567"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:"], None),
        ("10.0.0.1", ["192.0.2.7:http"], None),
        ("10.0.0.1", ["192.0.2.7:123456"], None),
        ("10.0.0.1", ["[192.0.2.7:5"], None),
        ("10.0.0.1", ["[]:5"], None),
        ("10.0.0.1", ["rubbish, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["6.6.6.6, " * 500 + "192.0.2.7"], "192.0.2.7"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
    ],
)
def test_the_rightmost_address_that_is_no_proxy_is_the_client(peer: str, lines: list[str], found: str | None) -> None:
    assert client_ip(peer, lines, TRUSTED) == found


def test_without_trusted_proxies_the_header_means_nothing() -> None:
    assert client_ip("10.0.0.1", ["192.0.2.7"], Networks("")) == "10.0.0.1"
