"""Seats in matches that a node makes, or does not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.records import MatchSpec
from game_server.session.credentials import Ticket
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.lobby_seating import Seating, seat_url
from game_server.shell.redis_directory import Directory
from protocol.lobby_messages import RefusedCode
from tests.game_server.shell.directory_for_tests import node_record, open_directory
from tests.game_server.shell.owner_for_tests import SIGNER, FakeOwner

ANN = Visitor("ann", "Ann")


@pytest.fixture
async def directory(redis_url: str) -> AsyncIterator[Directory]:
    directory = await open_directory(redis_url)
    yield directory
    await directory.link.close()


async def test_a_match_is_made_and_the_ticket_names_its_node_and_generation(directory: Directory) -> None:
    owner = await FakeOwner(directory).start()
    seating = Seating(directory, SIGNER)
    await seating.make(MatchSpec("m"), 0)
    seat = await seating.seat(ANN, Search("r"), "m", ["ann"])
    ticket = Ticket.verify(SIGNER, seat.ticket)
    assert (ticket.match, ticket.player, ticket.node, ticket.epoch) == ("m", "ann", "n1", 1000)
    assert seat.url == "ws://n1:1/v1/match/m"
    await owner.stop()


async def test_another_node_gets_a_match_that_the_first_does_not_begin(directory: Directory) -> None:
    lazy = await FakeOwner(directory, "n1", takes_orders=False).start()
    seating = Seating(directory, SIGNER, ready_within_s=0.9)
    first = await directory.create(MatchSpec("m"), lazy.record)
    eager = await FakeOwner(directory, "n2").start()
    owner = await seating.make(MatchSpec("m"), 0)
    assert owner.node == "n2" and owner.epoch > first.epoch
    await lazy.stop()
    await eager.stop()


async def test_without_a_node_that_begins_it_is_refused(directory: Directory) -> None:
    seating = Seating(directory, SIGNER, ready_within_s=0.3)
    with pytest.raises(LobbyRefused) as refused:
        await seating.make(MatchSpec("m"), 0)
    assert (refused.value.code, refused.value.retry_after_ms > 0) == (RefusedCode.NO_CAPACITY, True)
    owner = await FakeOwner(directory, takes_orders=False).start()
    with pytest.raises(LobbyRefused) as refused:
        await seating.make(MatchSpec("m"), 8)
    assert refused.value.code is RefusedCode.VERSION
    with pytest.raises(LobbyRefused) as refused:
        await seating.make(MatchSpec("m"), 7)
    assert refused.value.code is RefusedCode.NOT_READY
    await owner.stop()


async def test_a_party_gets_all_seats_or_none(directory: Directory) -> None:
    owner = await FakeOwner(directory, seats_max=2).start()
    seating = Seating(directory, SIGNER)
    await seating.make(MatchSpec("m"), 0)
    with pytest.raises(LobbyRefused) as refused:
        await seating.seat(ANN, Search("r"), "m", ["ann", "ben", "cid"])
    assert refused.value.code is RefusedCode.FULL
    await seating.seat(ANN, Search("r"), "m", ["ann", "ben"])
    await seating.seat(ANN, Search("r"), "m", ["ann", "ben"])
    await owner.stop()


async def test_a_client_of_another_version_gets_no_seat_and_keeps_none(directory: Directory) -> None:
    owner = await FakeOwner(directory, seats_max=1).start()
    seating = Seating(directory, SIGNER)
    await seating.make(MatchSpec("m"), 0)
    with pytest.raises(LobbyRefused) as refused:
        await seating.seat(Visitor("ben", "Ben", 8), Search("r"), "m", ["ben"])
    assert refused.value.code is RefusedCode.VERSION
    await seating.seat(ANN, Search("r"), "m", ["ann"])
    await owner.stop()


async def test_a_wait_for_a_match_can_be_given_up(directory: Directory) -> None:
    owner = await FakeOwner(directory, takes_orders=False).start()
    search = Search("r")
    search.give_up()
    with pytest.raises(LobbyRefused) as refused:
        await Seating(directory, SIGNER).make(MatchSpec("m"), 0, search)
    assert refused.value.code is RefusedCode.CANCELLED
    await owner.stop()


def test_behind_a_gateway_a_seat_is_a_path() -> None:
    assert seat_url(node_record("n1", address=""), "m") == "/n/n1/v1/match/m"
