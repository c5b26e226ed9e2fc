"""Players on many nodes are in one party, and all of them know it, against a real Redis."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import redis

from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.party import Party, PartyCall
from game_server.shell import redis_party
from game_server.shell.redis_link import RedisLink
from game_server.shell.redis_party import Parties
from game_server.shell.redis_subscriber import Subscriber
from tests.game_server.shell.queue_for_tests import TestSeals
from tests.redis_servers import eventually


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(redis_url)
    await link.connect()
    yield link
    await link.close()


def make_parties(link: RedisLink, size_max: int = 4, seed: int = 1) -> Parties:
    return Parties(link, "Yard", TestSeals(), size_max=size_max, rng=random.Random(seed))


@pytest.fixture
def parties(link: RedisLink) -> Parties:
    return make_parties(link)


@dataclass
class Told:
    """What a watcher was told."""

    parties: list[Party | None] = field(default_factory=list)
    calls: list[PartyCall] = field(default_factory=list)

    def __call__(self, party: Party | None, call: PartyCall | None) -> None:
        self.parties.append(party)
        if call is not None:
            self.calls.append(call)


async def test_who_has_the_code_joins_however_it_is_typed(parties: Parties) -> None:
    party = await parties.create("ann", "Ann")
    joined = await parties.join(f" {party.code[:3].lower()}-{party.code[3:]}", "bob", "Bob")
    assert joined.players == ("ann", "bob")
    assert await parties.state("ann") == joined == await parties.state("bob")


async def test_a_repeat_founds_no_second_party_and_joins_no_second_time(parties: Parties) -> None:
    party = await parties.create("ann", "Ann")
    assert await parties.create("ann", "Ann") == party
    joined = await parties.join(party.code, "bob", "Bob")
    assert await parties.join(party.code, "bob", "Bob") == joined


async def test_a_code_that_is_taken_is_not_given_again(link: RedisLink) -> None:
    """Both draw the same codes in the same order."""
    first, second = await make_parties(link).create("ann", "Ann"), await make_parties(link).create("bob", "Bob")
    assert first.code != second.code and second.players == ("bob",)


async def test_a_code_that_nobody_has_is_refused(parties: Parties) -> None:
    with pytest.raises(LobbyRefused, match="no party has the code AAAAAA.*no_party"):
        await parties.join("AAAAAA", "ann", "Ann")
    assert await parties.state("ann") is None


async def test_of_many_who_join_at_once_as_many_are_in_as_there_are_places(link: RedisLink) -> None:
    party = await make_parties(link, 8).create("ann", "Ann")
    joining = [make_parties(link, 8).join(party.code, f"p{n}", "") for n in range(20)]
    results = await asyncio.gather(*joining, return_exceptions=True)
    refused = [result for result in results if isinstance(result, LobbyRefused)]
    assert len(refused) == 13 and {str(each.code) for each in refused} == {"party_full"}
    state = await make_parties(link).party(party.code)
    assert state is not None and len(state.members) == 8 == len(set(state.players))


async def test_who_cannot_join_another_party_keeps_the_own_one(parties: Parties, link: RedisLink) -> None:
    full = await make_parties(link, 1).create("ann", "Ann")
    mine = await parties.create("bob", "Bob")
    with pytest.raises(LobbyRefused, match="party_full"):
        await make_parties(link, 1).join(full.code, "bob", "Bob")
    assert await parties.state("bob") == mine


async def test_who_joins_another_party_leaves_the_one_before(parties: Parties) -> None:
    first, second = await parties.create("ann", "Ann"), await parties.create("bob", "Bob")
    await parties.join(first.code, "cid", "Cid")
    await parties.join(second.code, "cid", "Cid")
    state = await parties.party(first.code)
    assert state is not None and state.players == ("ann",)
    assert (await parties.state("cid")) == await parties.party(second.code)


async def test_when_the_leader_leaves_the_oldest_member_leads(parties: Parties) -> None:
    party = await parties.create("ann", "Ann")
    for name in ("bob", "cid"):
        await parties.join(party.code, name, name)
    left = await parties.leave("ann")
    assert left is not None and left.leader == "bob"
    assert await parties.state("ann") is None
    assert await parties.leave("ann") is None


async def test_nothing_is_left_of_a_party_that_all_have_left(parties: Parties, redis_url: str) -> None:
    party = await parties.create("ann", "Ann")
    await parties.join(party.code, "bob", "Bob")
    assert await parties.leave("ann") is not None
    assert await parties.leave("bob") is None
    with redis.Redis.from_url(redis_url) as client:
        assert client.keys() == []


async def test_every_members_node_is_told_of_changes_by_the_poll_alone(link: RedisLink) -> None:
    near, far = make_parties(link), make_parties(link)
    ann, bob = Told(), Told()
    party = await near.create("ann", "Ann")
    near.watch("ann", party, ann)
    far.watch("bob", await far.join(party.code, "bob", "Bob"), bob)
    await near.poll()
    await far.poll()
    await far.poll()
    assert [each.players for each in ann.parties if each] == [("ann", "bob")]
    assert ann.parties == bob.parties
    await near.leave("ann")
    for each in (near, far):
        await each.poll()
        await each.poll()
    assert ann.parties[1:] == [None]
    assert [each.leader for each in bob.parties[1:] if each] == ["bob"]


async def test_every_member_is_called_to_the_match_once(link: RedisLink) -> None:
    near, far = make_parties(link), make_parties(link)
    ann, bob = Told(), Told()
    party = await near.create("ann", "Ann")
    near.watch("ann", party, ann)
    far.watch("bob", await far.join(party.code, "bob", "Bob"), bob)
    assert (await near.search("ann", "t1")).search == "t1"
    for _ in range(2):  # as a node that did not get the answer would
        called = await near.call(party.code, "r1", "m-1")
    assert called.search == ""
    for each in (near, far, near, far):
        await each.poll()
    called = await far.join(party.code, "cid", "Cid")
    for each in (near, far):
        await each.poll()
    assert [call.match for call in ann.calls] == ["m-1"] == [call.match for call in bob.calls]
    # One who comes back meanwhile is called once more; the seat is theirs already.
    again = Told()
    far.watch("bob", called, again)
    await far.poll()
    assert [call.request for call in again.calls] == ["r1"]


async def test_a_call_of_long_ago_is_not_followed(parties: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    party = await parties.create("ann", "Ann")
    called = await parties.call(party.code, "r1", "m-1")
    monkeypatch.setattr("game_server.cluster.party.CALL_LASTS_MS", 0)
    told = Told()
    parties.watch("ann", called, told)
    await parties.poll()
    assert told.parties == [called] and not told.calls


async def test_only_the_leader_searches(parties: Parties) -> None:
    party = await parties.create("ann", "Ann")
    await parties.join(party.code, "bob", "Bob")
    with pytest.raises(LobbyRefused, match="Ann leads the party"):
        await parties.search("bob", "t1")
    with pytest.raises(LobbyRefused, match="no_party"):
        await parties.search("eve", "t1")


async def test_a_search_is_cancelled_by_whoever_changes_the_party(link: RedisLink) -> None:
    cancelled: list[str] = []

    async def cancel(ticket: str) -> None:
        cancelled.append(ticket)
        raise DirectoryUnavailable("and the leave holds even so")

    far = Parties(link, "Yard", TestSeals(), size_max=4, on_search_over=cancel)
    party = await far.create("ann", "Ann")
    await far.join(party.code, "bob", "Bob")
    await far.search("ann", "t1")
    await far.search("ann", "")
    await far.search("ann", "t2")
    await far.leave("bob")
    assert cancelled == ["t2"]
    assert (await far.search("ann", "")).players == ("ann",)


async def test_a_member_whose_node_is_gone_is_taken_out(link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = make_parties(link), make_parties(link)
    party = await near.create("ann", "Ann")
    far.watch("bob", await far.join(party.code, "bob", "Bob"), Told())
    monkeypatch.setattr(redis_party, "MEMBER_LIVES_MS", 200)
    bob = Told()
    near.watch("ann", party, Told())
    await near.poll()
    await far.poll()
    far.watch("bob", party, bob)
    await asyncio.sleep(0.1)
    await far.poll()
    await asyncio.sleep(0.15)
    await far.poll()  # ann's node has not spoken for longer than a member lives
    await far.poll()
    assert [each.players for each in bob.parties if each] == [("ann", "bob"), ("bob",)]


async def test_a_member_of_whom_nobody_has_spoken_yet_is_given_time(parties: Parties, link: RedisLink) -> None:
    party = await parties.create("ann", "Ann")
    await parties.join(party.code, "bob", "Bob")
    await link.call("DEL", f"tw1:{{party:Yard:{party.code}}}:alive")
    parties.watch("ann", party, Told())
    for _ in range(2):
        await parties.poll()
    assert await link.call("ZCARD", f"tw1:{{party:Yard:{party.code}}}:alive") == 2
    assert await parties.state("bob") is not None


async def test_a_message_makes_the_news_come_at_once(link: RedisLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_party, "POLL_S", 60.0)
    heard = Subscriber(link, (), lambda channel, data: watching.heard(channel, data))
    watching = Parties(link, "Yard", TestSeals(), size_max=4, subscriber=heard)
    heard.start()
    watching.start()
    told = Told()
    watching.watch("ann", await watching.create("ann", "Ann"), told)
    await eventually(lambda: heard.listening and len(told.parties) == 1)
    party = told.parties[0]
    assert party is not None
    await make_parties(link).join(party.code, "bob", "Bob")
    await eventually(lambda: len(told.parties) == 2)
    watching.unwatch("ann")
    assert not watching.heard("tickwire:lobby:Yard", b"")
    await watching.stop()
    await heard.stop()


async def test_a_party_that_somebody_else_wrote_is_none(parties: Parties, link: RedisLink) -> None:
    party = await parties.create("ann", "Ann")
    await link.call("SET", f"tw1:{{party:Yard:{party.code}}}:party", b"forged")
    assert await parties.state("ann") is None
    assert parties.unsealed == 1


async def test_a_record_of_another_version_is_no_party_and_harms_no_other(parties: Parties, link: RedisLink) -> None:
    strange, told = await parties.create("ann", "Ann"), Told()
    party = await parties.create("bob", "Bob")
    sealed = TestSeals().seal("party in Yard", [strange.code, 1], 0)
    await link.call("SET", f"tw1:{{party:Yard:{strange.code}}}:party", sealed)
    assert await parties.state("ann") is None
    parties.watch("ann", strange, Told())
    parties.watch("bob", party, told)
    await parties.poll()
    assert told.parties == [party]


async def test_news_of_one_party_make_nobody_read_the_others(parties: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    polled: list[set[str] | None] = []
    poll = parties.poll

    async def counted(only: set[str] | None = None) -> None:
        polled.append(only)
        await poll(only)

    monkeypatch.setattr(parties, "poll", counted)
    quiet, told = await parties.create("ann", "Ann"), Told()
    party = await parties.create("bob", "Bob")
    parties.start()
    parties.watch("ann", quiet, Told())
    parties.watch("bob", party, told)
    await eventually(lambda: told.parties == [party])
    parties.heard(parties.channel(party.code), b"")
    await eventually(lambda: polled[-1] == {party.code})
    await parties.stop()
