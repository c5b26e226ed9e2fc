from __future__ import annotations

from dataclasses import replace

from game_client.lobby_records import Seat
from game_client.shell.tickets import Tickets


async def test_the_first_ticket_is_the_seats_own_and_every_other_one_is_fresh() -> None:
    asked: list[Seat] = []

    async def again(seat: Seat) -> Seat:
        asked.append(seat)
        return replace(seat, ticket=f"t-{len(asked)}", url="ws://b/")

    tickets = Tickets(Seat("m-1", "ws://a/", "t-0"), again)
    assert [await tickets() for _ in range(3)] == ["t-0", "t-1", "t-2"]
    assert [each.ticket for each in asked] == ["t-0", "t-1"]
    assert tickets.seat.url == "ws://b/"
