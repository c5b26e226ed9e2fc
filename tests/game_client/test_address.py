from __future__ import annotations

import pytest

from game_client.address import HOPS_MAX, Address, resolve
from protocol.errors import PeerFault

OWN = "ws://own:7777/v1/match/1"


@pytest.mark.parametrize(
    ("told", "dialled", "whole"),
    [
        ("/n/b/v1/match/1", OWN, "ws://own:7777/n/b/v1/match/1"),
        ("/n/b/v1/match/1", "wss://game.example/v1/lobby?x=1", "wss://game.example/n/b/v1/match/1"),
        ("//evil.example/x", OWN, "ws://own:7777//evil.example/x"),
        ("ws://b:1/x", OWN, "ws://b:1/x"),
        ("wss://b:1/x", OWN, "wss://b:1/x"),
        ("wss://b:1/x", "wss://own/", "wss://b:1/x"),
    ],
)
def test_a_path_is_on_the_host_that_was_dialled_and_anything_else_is_whole(told: str, dialled: str, whole: str) -> None:
    assert resolve(told, dialled) == whole


def test_nobody_is_sent_from_tls_to_plain_text() -> None:
    with pytest.raises(PeerFault, match="leaves the encrypted connection"):
        resolve("ws://own/", "wss://own/")


@pytest.mark.parametrize("url", ["", "http://x/", "n/b/v1/match/1"])
def test_what_cannot_be_dialled_is_a_fault(url: str) -> None:
    with pytest.raises(PeerFault, match="neither a path"):
        resolve(url, OWN)


def test_a_move_sets_where_and_with_what_to_dial_and_counts() -> None:
    address = Address(OWN)
    assert (address.url, address.ticket, address.dialled()) == (OWN, "", False)
    for _ in range(HOPS_MAX):
        address.move("/n/b/v1/match/1", "t")
        assert address.follows_at_once
    assert (address.url, address.ticket) == ("ws://own:7777/n/b/v1/match/1", "t")
    assert (address.dialled(), address.dialled()) == (True, False)
    address.move("/n/b/v1/match/1", "t")
    assert not address.follows_at_once
    address.welcomed()
    assert address.ticket == ""
    address.live()
    address.move("/n/b/v1/match/1", "")
    assert address.follows_at_once


def test_every_fourth_failed_dial_is_followed_by_one_to_the_callers_own_url() -> None:
    address = Address(OWN)
    address.move("ws://b/", "")
    dialled = []
    for _ in range(9):
        dialled.append(address.url)
        address.failed()
    assert [place for place, url in enumerate(dialled) if url == OWN] == [3, 7]


def test_what_a_lobby_says_is_the_callers_own_url_from_then_on() -> None:
    address = Address(OWN)
    address.move("ws://b/", "t")
    address.begin("ws://c/")
    for _ in range(4):
        assert address.url == "ws://c/"
        address.failed()
    assert address.ticket == ""
