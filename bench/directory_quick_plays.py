"""Cluster, the directory alone: quick plays at once, creations whose answers are lost, how a quick play's cost grows.

To test: `tests/bench/test_directory_quick_plays.py`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from math import ceil
from random import Random
from statistics import median

from bench.redis_meter import read
from bench.report import Report, at_most, exactly
from bench.serving import tell_settings
from game_server.cluster.errors import DirectoryUnavailable, LobbyRefused
from game_server.cluster.records import Ledger, Listing, MatchSpec, NodeRecord
from game_server.cluster.sealed import Sealer
from game_server.shell.embedded_redis import EmbeddedRedis
from game_server.shell.redis_directory import Directory
from game_server.shell.redis_link import RedisLink

SEATS = 8
MODES = ("duel", "team", "ctf", "race")
REGIONS = ("eu", "us", "asia")
GROWTH_MOST = 1.5
ROUND_TRIPS_MOST = 3
BATCH = 500
KEYS = {"bench": b"b" * 32}
LOBBY = "bench"
NODE = NodeRecord("n0", 1, "", LOBBY, "1", 7, 0, 1_000_000, 0, 0, draining=False)


@asynccontextmanager
async def own_directory() -> AsyncIterator[Directory]:
    """Yield a directory on a Redis of its own, empty, without a network between."""
    server = EmbeddedRedis()
    url = await asyncio.to_thread(server.start)
    link = RedisLink(url, timeout_s=10.0)
    try:
        await link.connect()
        yield Directory(link, LOBBY, Sealer(KEYS))
    finally:
        await link.close()
        await asyncio.to_thread(server.stop)


def node(number: int, matches: int = 0) -> NodeRecord:
    """Return the record of a simulated node."""
    return replace(NODE, node=f"n{number}", boot=1 + number, matches=matches)


async def fill(directory: Directory, matches: int, nodes: int, rng: Random) -> list[Listing]:
    """List matches of some nodes, a third of them full, the others with 1 to 8 free seats, and open their ledgers."""
    for number in range(nodes):
        await directory.renew(node(number))
    listings = [_listing(number, number % nodes, rng) for number in range(matches)]
    for at in range(0, matches, BATCH):
        await directory.publish(listings[at : at + BATCH])
    for number in range(nodes):
        mine = [each for each in listings if each.node == f"n{number}"]
        await directory.write_ledgers(f"n{number}", 1 + number, [
            Ledger(each.match, 1, 1, each.seats_max, each.seats) for each in mine
        ])  # fmt: skip
    return listings


def _listing(number: int, of: int, rng: Random) -> Listing:
    taken = SEATS if rng.random() < 1 / 3 else rng.randrange(SEATS)
    attributes = (("mode", rng.choice(MODES)), ("region", rng.choice(REGIONS)))
    return Listing(f"m{number:06}", f"n{of}", 1 + of, taken, SEATS, 0, attributes)


async def quick_play(directory: Directory, request: str, player: str, filters: Sequence[tuple[str, str]] = ()) -> str:
    """Find a match and reserve a seat in it, as a lobby does. Returns the match. Raises `LobbyRefused`."""
    exclude: list[str] = []
    while True:
        claim = await directory.claim(request, [player], tuple(filters), None, exclude)
        if claim is None:
            return ""
        try:
            return (await directory.reserve(claim.match, [player])).owner.match
        except LobbyRefused:
            exclude.append(claim.match)


async def cost(matches: int, plays: int, seed: int) -> tuple[float, float]:
    """Return what one quick play costs at so many listings: round trips, Redis' processor time in microseconds."""
    async with own_directory() as directory:
        rng = Random(seed)
        await fill(directory, matches, 20, rng)
        wanted = [(("mode", rng.choice(MODES)),) if rng.random() < 0.5 else () for _ in range(plays)]
        before, trips = await read(directory.link), directory.link.round_trips
        for number, filters in enumerate(wanted):
            assert await quick_play(directory, f"r{number}", f"p{number}", filters), "there is room for all"
        spent = (await read(directory.link)).since(before)
        return (directory.link.round_trips - trips) / plays, 1e6 * spent.cpu_s / plays


def growth(report: Report, pairs: int = 5, plays: int = 600) -> None:
    """Quick play at 1,000 and at 10,000 listings, in turns."""
    tell_settings(report, "quick play's cost", listings="1,000 and 10,000 in turns, on 20 nodes", pairs=pairs,
                  quick_plays=plays, filters="half of them by one", redis="Valkey on a Unix socket")  # fmt: skip
    ratios, trips = [], []
    for pair in range(pairs):
        _, small = asyncio.run(cost(1_000, plays, pair))
        count, large = asyncio.run(cost(10_000, plays, pair))
        ratios.append(large / small)
        trips.append(count)
        report.note(f"quick play: {small:.1f} us of Redis at 1,000 listings, {large:.1f} us at 10,000")
    spread = max(ratios) - min(ratios)
    report.add("quick_play_round_trips", max(trips), "round trips", at_most(ROUND_TRIPS_MOST), n=pairs * plays)
    report.add("quick_play_redis_cpu_growth", median(ratios), "x", at_most(GROWTH_MOST), n=pairs, spread=spread)


def listing(report: Report, matches: int = 10_000) -> None:
    """All matches in pages."""

    async def count() -> tuple[int, int]:
        async with own_directory() as directory:
            await fill(directory, matches, 20, Random(1))
            before, seen, after = directory.link.round_trips, 0, ""
            while seen == 0 or after:
                page = await directory.listed((), after, 200)
                seen, after = seen + len(page.listings), page.next
            return seen, directory.link.round_trips - before

    tell_settings(report, "listing all", listings=matches, page=200)
    seen, trips = asyncio.run(count())
    report.add("listed_matches", seen, "matches", exactly(matches))
    report.add("listed_round_trips", trips, "round trips", at_most(matches / 200 + 1), n=matches)


def at_once(report: Report, players: int = 1_000, seats: int = SEATS) -> None:
    """Quick plays all at once where there is no match yet: how many are created."""

    async def play() -> tuple[int, int, int]:
        async with own_directory() as directory:
            await directory.renew(NODE)

            async def one(number: int) -> tuple[str, bool]:
                spec = MatchSpec(f"m{number}")
                claim = await directory.claim(f"r{number}", [f"p{number}"], (), spec, seats_max=seats)
                assert claim is not None, "a spec was given"
                return claim.match, claim.create

            found = await asyncio.gather(*map(one, range(players)))
            per_match = Counter(match for match, _ in found)
            return sum(create for _, create in found), len(per_match), max(per_match.values())

    tell_settings(report, "quick plays at once", players=players, seats_of_a_match=seats)
    created, used, most = asyncio.run(play())
    report.add("quick_plays_created_matches", created, "matches", exactly(ceil(players / seats)), n=players)
    report.add("quick_plays_used_matches", used, "matches", exactly(ceil(players / seats)), n=players)
    report.add("quick_plays_in_one_match_most", most, "players", at_most(seats), n=players)


def lost_answers(report: Report, rounds: int = 200, seed: int = 1) -> None:
    """Creations whose answer is lost, at a random moment, and that are tried again on another node."""

    async def run() -> tuple[int, int]:
        duplicates = lost = 0
        rng = Random(seed)
        async with own_directory() as directory:
            for number in range(rounds):
                spec = MatchSpec(f"m{number}")
                # Answers of a Redis on the same machine come within some 200 us.
                first = asyncio.ensure_future(directory.create(spec, node(0)))
                await asyncio.wait([first], timeout=rng.uniform(0, 0.0005))
                lost += first.cancel()
                again = await asyncio.gather(*(directory.create(spec, node(1 + n % 3)) for n in range(3)))
                (kept,) = await asyncio.gather(first, return_exceptions=True)
                owners = {*again, await directory.owner(spec.match)}
                if not isinstance(kept, BaseException):
                    owners.add(kept)
                duplicates += len(owners) - 1
        return duplicates, lost

    tell_settings(
        report, "lost answers", rounds=rounds, tries="4 on 4 nodes each, the first cut off at random", seed=seed
    )
    duplicates, lost = asyncio.run(run())
    report.add("creation_duplicates", duplicates, "matches", exactly(0), n=rounds)
    report.add("creation_answers_lost", lost, "answers", n=rounds)


def empty_restart(report: Report, rounds: int = 50, seats: int = SEATS) -> None:
    """A Redis that lost everything between reservations: tickets that are good, over the seats there are."""

    async def one(directory: Directory, number: int) -> int:
        match, rng = f"m{number}", Random(number)
        owner = await directory.create(MatchSpec(match), NODE)
        ledger = Ledger(match, owner.epoch, 1, seats, 0)
        await directory.write_ledgers(owner.node, owner.boot, [ledger])
        tickets = await _sell(directory, match, [f"a{n}" for n in range(rng.randrange(1, seats + 1))])
        await directory.link.call("FLUSHALL")
        early = await _sell(directory, match, ["early"])
        # The owner writes what it believes to be known, learns that it is not, and raises the generation.
        (answer,) = await directory.write_ledgers(owner.node, owner.boot, [replace(ledger, known=True)])
        assert not answer.known, "everything was lost"
        early += await _sell(directory, match, ["early"])
        await directory.write_ledgers(owner.node, owner.boot, [replace(ledger, generation=2)])
        tickets += early + await _sell(directory, match, [f"b{n}" for n in range(2 * seats)])
        good = sum(generation == 2 for generation in tickets)
        return max(0, good - seats) + len(early)

    async def run() -> int:
        async with own_directory() as directory:
            return sum([await one(directory, number) for number in range(rounds)])

    tell_settings(report, "a Redis that lost everything", rounds=rounds, seats_of_a_match=seats)
    report.add("seats_sold_twice", asyncio.run(run()), "seats", exactly(0), n=rounds)


async def _sell(directory: Directory, match: str, players: Sequence[str]) -> list[int]:
    """Reserve for each; return the generations of the tickets that were given."""
    sold = []
    for player in players:
        try:
            sold.append((await directory.reserve(match, [player])).generation)
        except (LobbyRefused, DirectoryUnavailable):
            continue
    return sold
