"""The desk without queue, parties and presence: what it then refuses, and what it can do all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.records import Presence
from game_server.shell.lobby_desk import LobbyDesk, listing_row, presence_row
from game_server.shell.lobby_search import Search, Visitor
from game_server.shell.lobby_seating import Seating
from protocol.lobby_messages import (
    CreateMatch,
    Enqueue,
    JoinByCode,
    JoinMatch,
    ListMatches,
    ListPlayers,
    Matches,
    PartyCreate,
    Rejoin,
    SeatFound,
    Where,
)  # fmt: skip
from tests.game_server.shell.directory_for_tests import listing, open_directory
from tests.game_server.shell.owner_for_tests import SIGNER, FakeOwner

ANN, BEN = Visitor("ann", "Ann"), Visitor("ben", "Ben")


@pytest.fixture
async def owner(redis_url: str) -> AsyncIterator[FakeOwner]:
    directory = await open_directory(redis_url)
    owner = await FakeOwner(directory).start()
    yield owner
    await owner.stop()
    await directory.link.close()


def desk_of(owner: FakeOwner) -> LobbyDesk:
    return LobbyDesk(owner.directory, Seating(owner.directory, SIGNER), SIGNER, ("mode",), 8)


async def asked(desk: LobbyDesk, message: Any, visitor: Visitor = ANN) -> Any:
    return await desk.answer(visitor, message, Search(message.request))


@pytest.mark.parametrize("message", [Enqueue("r", []), ListPlayers("r", "", 10), PartyCreate("r")])
async def test_what_a_server_does_not_have_is_refused_in_words(owner: FakeOwner, message: Any) -> None:
    with pytest.raises(LobbyRefused, match="on this server") as refused:
        await asked(desk_of(owner), message)
    assert refused.value.code == "bad_request"


async def test_without_presence_nobody_has_anything_to_rejoin(owner: FakeOwner) -> None:
    assert await desk_of(owner).seat_of("ann") == ""
    with pytest.raises(LobbyRefused) as refused:
        await asked(desk_of(owner), Rejoin("r"))
    assert refused.value.code == "nothing_to_rejoin"


async def test_lists_have_pages(owner: FakeOwner) -> None:
    for n in range(3):
        await asked(desk_of(owner), CreateMatch(f"c{n}", ["mode", "duel"], 0))
    await owner.write()
    first = await asked(desk_of(owner), ListMatches("l", ["mode", "duel"], "", 2))
    second = await asked(desk_of(owner), ListMatches("l", [], first.next, 2))
    assert isinstance(first, Matches) and (len(first.listings), len(second.listings)) == (2, 1)
    assert (first.total, second.next) == (3, "")


@pytest.mark.parametrize("private", [0, 1])
async def test_who_joins_by_id_waits_until_it_is_known_whether_the_match_is_private(
    owner: FakeOwner, private: int
) -> None:
    desk = desk_of(owner)
    owner.lists = False
    made = await asked(desk, CreateMatch("c", [], private))
    asking = asyncio.ensure_future(desk.answer(BEN, JoinMatch("j", made.match, 0), Search("j")))
    assert not (await asyncio.wait([asking], timeout=0.2))[0], "it must not be answered before the match is listed"
    owner.lists = True
    if private:
        with pytest.raises(LobbyRefused) as refused:
            await asking
        assert refused.value.code == "no_match"
    else:
        assert (await asking).match == made.match


async def test_a_match_that_nobody_lists_is_not_ready(owner: FakeOwner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("game_server.shell.lobby_desk.LISTED_WITHIN_S", 0.1)
    owner.lists = False
    made = await asked(desk_of(owner), CreateMatch("c", [], 0))
    with pytest.raises(LobbyRefused) as refused:
        await asked(desk_of(owner), JoinMatch("j", made.match, 0), replace(ANN, player="ben", session="s2"))
    assert refused.value.code == "not_ready" and refused.value.retry_after_ms


async def test_a_private_match_has_the_same_code_however_often_it_is_asked_for(owner: FakeOwner) -> None:
    desk = desk_of(owner)
    seats = [await asked(desk, CreateMatch("c", [], 1)) for _ in range(2)]
    await owner.write()
    seats.append(await asked(desk, JoinByCode("j", seats[0].code)))
    assert all(isinstance(seat, SeatFound) for seat in seats)
    assert len({(seat.match, seat.code) for seat in seats}) == 1


def test_rows_are_as_the_protocol_has_them() -> None:
    assert listing_row(listing("m", attributes=(("mode", "duel"),))) == ["m", 0, 8, 0, ["mode", "duel"]]
    assert presence_row(Presence("p", "P", Where.LOBBY, "", "n", 1, "s", 0)) == ["p", "P", 1, ""]
