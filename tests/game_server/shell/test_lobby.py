"""The lobby over real sockets and a real Redis, with whole nodes: every flow of a player."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from protocol.lobby_messages import (
    Cancel,
    CreateMatch,
    Done,
    Enqueue,
    JoinByCode,
    JoinMatch,
    ListMatches,
    ListPlayers,
    Matches,
    MatchesChanged,
    PartyCreate,
    PartyJoin,
    PartyLeave,
    PartyState,
    PresenceChanged,
    QuickPlay,
    Refused,
    RefusedCode,
    Rejoin,
    SeatFound,
    WatchMatches,
    WatchPlayers,
    Where,
)  # fmt: skip
from tests.game_server.shell.lobby_for_tests import Guest, nodes
from tests.redis_servers import RedisProcess


def quick(request: str = "q", required: list[str] | None = None, preferred: list[str] | None = None) -> QuickPlay:
    return QuickPlay(request, required or [], preferred or [], 300)


async def test_a_guest_is_greeted_and_known_again_by_the_credential(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann = await cluster.guest("Ann")
        welcome = ann.welcome
        assert welcome.player.startswith("guest-") and len(welcome.player) == 22
        assert (welcome.name, welcome.game, welcome.node, welcome.seats_max) == ("Ann", "Rooms", "n1", 4)
        assert (welcome.filters, welcome.rejoin, welcome.rating) == (["mode", "region"], "", 1500)
        await ann.close()
        again = await cluster.guest(credential=welcome.guest)
        assert (again.welcome.player, again.welcome.name, again.welcome.guest) == (welcome.player, "Ann", "")


async def test_a_forged_credential_of_a_guest_opens_nothing(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann = await cluster.guest()
        with pytest.raises(InvalidStatus) as refused:
            await cluster.guest(credential=ann.welcome.guest[:-2] + "AA")
        assert refused.value.response.status_code == 403


async def test_create_gives_a_seat_in_which_one_can_play(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        ann = await cluster.guest()
        seat = await ann.seat(CreateMatch("c", ["mode", "duel"], 0))
        assert seat.match.startswith("m-") and not seat.code and seat.expires_in_ms == 30_000
        player = await ann.play(seat)
        listed = await ann.ask(ListMatches("l", ["mode", "duel"], "", 10))
        assert [(row[0], row[2], row[4]) for row in listed.listings] == [(seat.match, 4, ["mode", "duel"])]
        await player.socket.close()


async def test_a_request_that_is_sent_again_means_the_same_match(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        ann = await cluster.guest()
        first = await ann.seat(CreateMatch("c", [], 1))
        again = await ann.seat(CreateMatch("c", [], 1))
        await ann.close()
        ann = await cluster.guest(node=1, credential=ann.welcome.guest)
        elsewhere = await ann.seat(CreateMatch("c", [], 1))
        assert first.match == again.match == elsewhere.match
        assert first.code == again.code == elsewhere.code and len(first.code) == 6


async def test_a_private_match_is_in_no_list_and_joined_by_its_code(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann, ben = await cluster.guest("Ann"), await cluster.guest("Ben")
        seat = await ann.seat(CreateMatch("c", [], 1))
        await ann.play(seat)
        found = await _by_code(ben, seat.code.lower()[:3] + " " + seat.code[3:])
        assert found.match == seat.match
        listed = await ben.ask(ListMatches("l", [], "", 10))
        assert isinstance(listed, Matches) and listed.total == 0
        assert await ben.refusal(JoinByCode("no", "AAAAAA")) == "no_match"
        assert await ben.refusal(JoinByCode("bad", "0O1I")) == "no_match"


async def test_the_id_of_a_private_match_lets_nobody_in(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann, eve = await cluster.guest("Ann"), await cluster.guest("Eve")
        seat = await ann.seat(CreateMatch("c", [], 1))
        assert await eve.refusal(JoinMatch("soon", seat.match, 0)) == "no_match"
        player = await ann.play(seat)
        # Presence tells where Ann is.
        while not (page := await eve.ask(ListPlayers("l", "", 10))).players or seat.match not in str(page.players):
            await asyncio.sleep(0.05)
        assert await eve.refusal(JoinMatch("seat", seat.match, 0)) == "no_match"
        assert await eve.refusal(JoinMatch("watch", seat.match, 1)) == "no_match"
        with pytest.raises(InvalidStatus) as refused:
            await eve.play(replace(seat, ticket="Eve"))
        assert refused.value.response.status_code == 403
        # Who has a seat needs no code.
        assert (await ann.seat(JoinMatch("again", seat.match, 0))).match == seat.match
        await player.socket.close()


async def _by_code(guest: Guest, code: str) -> SeatFound:
    """Join by a code; the listing that knows it follows the match by a moment."""
    for n in range(40):
        answer = await guest.ask(JoinByCode(f"j{n}", code))
        if isinstance(answer, SeatFound):
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError("the code was never known")


async def test_quick_play_fills_one_match_before_another(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        guests = [await cluster.guest(f"P{n}", n % 2) for n in range(6)]
        seats = await asyncio.gather(*(guest.seat(quick()) for guest in guests))
        counts = sorted(sum(1 for each in seats if each.match == match) for match in {each.match for each in seats})
        assert counts == [2, 4]


async def test_quick_play_widens_and_then_makes_a_match_with_all_filters(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann, ben = await cluster.guest("Ann"), await cluster.guest("Ben")
        seat = await ann.seat(quick("a", ["mode", "duel"], ["region", "eu"]))
        assert any(type(each).__name__ == "Searching" for each in ann.heard)
        player = await ann.play(seat)
        await _listed(ben, 1)
        assert (await ben.ask(ListMatches("l", ["mode", "duel", "region", "eu"], "", 9))).total == 1
        # Ben would rather have another region, and takes this one after a while.
        assert (await ben.seat(quick("b", ["mode", "duel"], ["region", "us"]))).match == seat.match
        await player.socket.close()


async def _listed(guest: Guest, total: int) -> Matches:
    for n in range(60):
        page = await guest.ask(ListMatches(f"l{n}", [], "", 100))
        if page.total == total:
            return page  # type: ignore[no-any-return]
        await asyncio.sleep(0.05)
    raise AssertionError(f"there never were {total} matches")


async def test_an_unknown_filter_is_refused_with_the_known_ones(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann = await cluster.guest()
        answer = await ann.ask(quick("q", ["colour", "red"]))
        assert isinstance(answer, Refused)
        assert answer.code == "bad_filter" and "mode, region" in answer.sentence
        assert await ann.refusal(CreateMatch("c", ["mode"], 0)) == "bad_filter"


async def test_a_full_match_refuses_before_a_socket_opens_and_can_be_watched(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        guests = [await cluster.guest(f"P{n}") for n in range(5)]
        seat = await guests[0].seat(CreateMatch("c", [], 0))
        for guest in guests[1:4]:
            await guest.seat(JoinMatch("j", seat.match, 0))
        answer = await guests[4].ask(JoinMatch("j", seat.match, 0))
        assert (answer.code, answer.retry_after_ms > 0) == ("full", True)
        watching = await guests[4].seat(JoinMatch("w", seat.match, 1))
        spectator = await guests[4].play(watching)
        await spectator.socket.close()
        assert await guests[4].refusal(JoinMatch("n", "nowhere", 0)) == "no_match"


async def test_rejoin_brings_a_player_back_to_the_seat(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        ann = await cluster.guest()
        assert await ann.refusal(Rejoin("r0")) == "nothing_to_rejoin"
        seat = await ann.seat(CreateMatch("c", [], 1))
        player = await ann.play(seat)
        await ann.close()
        await player.abort()
        credential = ann.welcome.guest
        for _ in range(60):
            ann = await cluster.guest(node=1, credential=credential)
            if ann.welcome.rejoin:
                break
            await asyncio.sleep(0.05)
        assert ann.welcome.rejoin == seat.match
        again = await ann.seat(Rejoin("r"))
        assert again.match == seat.match
        # Whoever needs another ticket later brings it, since the id opens a private match to nobody.
        assert again.code == seat.code != ""


async def test_watchers_are_told_of_what_comes_and_goes(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2", empty_seconds=0.3) as cluster:
        ann, ben = await cluster.guest("Ann"), await cluster.guest("Ben", 1)
        await ben.send(WatchMatches(1, ["mode", "duel"]))
        assert (await ben.next_of(MatchesChanged)).total == 0
        await ann.seat(CreateMatch("other", ["mode", "ffa"], 0))
        seat = await ann.seat(CreateMatch("c", ["mode", "duel"], 0))
        player = await ann.play(seat)
        news = await ben.next_of(MatchesChanged)
        assert ([row[0] for row in news.changed], news.total) == ([seat.match], 1)
        await ben.send(WatchMatches(0, []))
        await ben.send(WatchMatches(1, []))
        assert {row[0] for row in (await ben.next_of(MatchesChanged)).changed} >= {seat.match}
        await player.socket.close()


async def test_a_search_can_be_given_up(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann = await cluster.guest()
        await ann.send(QuickPlay("q", [], ["mode", "duel"], 60_000))
        assert await ann.refusal(CreateMatch("c", [], 0)) == "busy"
        await ann.send(Cancel("q"))
        assert (await ann.answer("q")).code == "cancelled"
        await ann.send(Enqueue("e", []))
        await asyncio.sleep(0.1)
        await ann.send(Cancel("e"))
        assert (await ann.answer("e")).code == "cancelled"


async def test_the_queue_puts_two_into_one_match(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        guests = [await cluster.guest(f"P{n}", n % 2) for n in range(4)]
        seats = await asyncio.gather(*(guest.seat(Enqueue("e", ["mode", "duel"])) for guest in guests))
        assert len({seat.match for seat in seats}) == 1
        await (await guests[0].play(seats[0])).socket.close()


async def test_a_leader_takes_the_party_along(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        ann, ben = await cluster.guest("Ann"), await cluster.guest("Ben", 1)
        assert isinstance(await ann.ask(PartyCreate("p")), Done)
        code = next(each.code for each in reversed([*ann.heard, await _party(ann)]) if isinstance(each, PartyState))
        assert isinstance(await ben.ask(PartyJoin("j", code)), Done)
        assert await ben.refusal(quick()) == "not_leader"
        seat = await ann.seat(quick())
        theirs = await ben.next_of(SeatFound)
        assert theirs.match == seat.match and theirs.ticket != seat.ticket
        await (await ben.play(theirs)).socket.close()
        assert isinstance(await ben.ask(PartyLeave("l")), Done)


async def _party(guest: Guest) -> PartyState:
    known = [each for each in guest.heard if isinstance(each, PartyState)]
    return known[-1] if known else await guest.next_of(PartyState)


async def test_players_see_each_other_come_and_go(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        ann, ben = await cluster.guest("Ann"), await cluster.guest("Ben", 1)
        await ann.send(WatchPlayers([ben.welcome.player]))
        while (await ann.next_of(PresenceChanged)).changes[0][2] != Where.LOBBY:
            pass
        await ben.close()
        while (await ann.next_of(PresenceChanged)).changes[0][2] != Where.NOWHERE:
            pass
        page = await ann.ask(ListPlayers("l", "", 10))
        assert [row[1] for row in page.players] == ["Ann"]


async def test_the_newest_device_replaces_the_older(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2") as cluster:
        old = await cluster.guest()
        await asyncio.sleep(0.2)
        new = await cluster.guest(node=1, credential=old.welcome.guest)
        assert await old.closed() == 4001
        assert [each.code for each in old.heard if isinstance(each, Refused)] == ["replaced"]
        assert isinstance(await new.ask(ListMatches("l", [], "", 10)), Matches)


async def test_a_node_that_stops_sends_its_players_elsewhere(redis_url: str) -> None:
    async with nodes(redis_url) as cluster:
        ann = await cluster.guest()
        stopping = asyncio.create_task(cluster.nodes.pop().stop())
        assert await ann.closed() == 1012
        assert [each.code for each in ann.heard if isinstance(each, Refused)] == ["stopping"]
        await stopping


async def test_a_hundred_clients_at_once_fill_matches_to_the_last_seat(redis_url: str) -> None:
    async with nodes(redis_url, "n1", "n2", matches_max=100) as cluster:
        guests = [await cluster.guest(f"P{n}", n % 2) for n in range(100)]
        seats = await asyncio.gather(*(guest.seat(quick()) for guest in guests))
        assert set(Counter(seat.match for seat in seats).values()) == {4}


async def test_while_redis_is_away_sockets_stay_and_requests_are_unavailable(redis_process: RedisProcess) -> None:
    async with nodes(redis_process.url) as cluster:
        ann = await cluster.guest()
        await ann.send(WatchMatches(1, []))
        await ann.next_of(MatchesChanged)
        seat = await ann.seat(CreateMatch("c", [], 0))
        assert [row[0] for row in (await ann.next_of(MatchesChanged)).changed] == [seat.match]
        redis_process.kill()
        answer = await ann.ask(quick())
        assert isinstance(answer, Refused) and answer.code == "unavailable" and answer.retry_after_ms > 0
        redis_process.start()
        for n in range(200):
            answer = await ann.ask(CreateMatch(f"again{n}", [], 0))
            if isinstance(answer, SeatFound):
                break
            await asyncio.sleep(0.1)
        assert isinstance(answer, SeatFound)
        while answer.match not in [row[0] for row in (await ann.next_of(MatchesChanged)).changed]:
            pass


async def test_a_member_who_comes_back_while_redis_is_away_is_of_the_party_afterwards(
    redis_process: RedisProcess,
) -> None:
    async with nodes(redis_process.url) as cluster:
        ann, ben = await cluster.guest("Ann"), await cluster.guest("Ben")
        await ann.ask(PartyCreate("p"))
        code = (await _party(ann)).code
        await ben.ask(PartyJoin("j", code))
        await ben.close()
        redis_process.pause()
        try:
            again = await cluster.guest(credential=ben.welcome.guest)
        finally:
            redis_process.go_on()
        assert (await again.next_of(PartyState)).code == code
        await _until_seat(ann)
        assert (await again.next_of(SeatFound)).match


async def _until_seat(guest: Guest) -> None:
    for n in range(9):
        if isinstance(await guest.ask(CreateMatch(f"u{n}", [], 0)), SeatFound):
            return
        await asyncio.sleep(0.5)
    raise AssertionError("there was never a seat")


def test_every_refusal_is_documented() -> None:
    page = Path(__file__).parents[3].joinpath("docs", "lobby.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert sorted(told) == sorted(code.value for code in RefusedCode)
