"""A node and whoever scrapes it: what players do is what Prometheus reads."""

import asyncio
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.exceptions import InvalidStatus

from game_server.shell.match_runner import HostedMatch
from game_server.shell.serve import Node
from game_server.shell.settings import read_settings
from game_server.sim import facts
from protocol.errors import NodeFault
from tests.game_server.shell.game_for_tests import Dots, dial, push, running

Told = dict[tuple[str, ...], float]


async def scrape(node: Node) -> Told:
    """What one scrape tells: the name, then the labels' values in the order of their names."""
    assert node.metrics_server is not None
    url = node.metrics_server.url
    body = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


async def told(node: Node, wanted: Callable[[Told], bool]) -> Told:
    """Scrape until `wanted` holds."""
    while True:
        found = await scrape(node)
        if wanted(found):
            return found
        await asyncio.sleep(0.02)


def _sum(found: Told, name: str) -> float:
    return sum(value for key, value in found.items() if key[0] == name)


async def test_what_players_do_is_told() -> None:
    async with running(matches=2) as node:
        player = await dial(node.url(), "Ada")
        welcome = await player.join()
        await player.socket.send(push(welcome.tick + 5))
        await player.states(3)
        found = await told(node, lambda each: _sum(each, "tickwire_inputs_total") > 0)
        assert found["tickwire_connections", "player", "live"] == 1
        assert found["tickwire_sockets",] == 1
        assert found["tickwire_seats", "connected"] == 1
        assert found["tickwire_matches",] == 2
        assert found["tickwire_states_total", "relative"] > 0
        assert found["tickwire_keyframes_total", "joined"] == 1
        assert found["tickwire_messages_total", "in"] >= 2
        assert found["tickwire_tick_duration_seconds_count",] > 0
        ticks = found["tickwire_ticks_total",]
        await player.socket.send(b"\xc1")
        # Not until the gauge is 0: a scrape reads the series one after the other.
        found = await told(node, lambda each: _sum(each, "tickwire_disconnects_total") == 1)
        assert found["tickwire_violations_total", "malformed"] == 1
        assert found["tickwire_connection_bytes_count", "in"] == 1
        assert found["tickwire_disconnects_total", "protocol", "1002"] == 1
        await told(node, lambda each: each["tickwire_sockets",] == 0 and each["tickwire_ticks_total",] > ticks)


async def test_a_refused_upgrade_is_told() -> None:
    async with running() as node:
        with pytest.raises(InvalidStatus):
            await dial(node.url("no-such-match"))
        found = await told(node, lambda each: any(key[0] == "tickwire_upgrades_refused_total" for key in each))
        assert found["tickwire_upgrades_refused_total", "no_match", "404"] == 1


async def test_a_round_trip_is_told_once() -> None:
    async with running(ping_seconds=0.05) as node:
        heard: list[facts.Fact] = []
        tell_match = node.runner.tell_match

        def listening(hosted: HostedMatch, fact: facts.Fact) -> None:
            heard.append(fact)
            tell_match(hosted, fact)

        node.runner.tell_match = listening  # type: ignore[method-assign]
        player = await dial(node.url())
        await player.join()
        while sum(isinstance(each, facts.RoundTrip) for each in heard) < 3:
            # Whoever reads answers pings as well.
            await player.next()
        await player.socket.close()
        await told(node, lambda each: each["tickwire_sockets",] == 0)
        found = await scrape(node)
        count = sum(isinstance(each, facts.RoundTrip) for each in heard)
        assert found["tickwire_round_trip_seconds_count",] == count >= 3


async def test_a_node_whose_port_for_metrics_is_taken_does_not_start_and_holds_no_port() -> None:
    async with running() as first:
        assert first.metrics_server is not None
        second = Node(Dots, read_settings({}, port=0, metrics_port=first.metrics_server.port))
        with pytest.raises(NodeFault, match="for metrics, .* is taken"):
            await second.start()
        await asyncio.sleep(0)


async def test_a_node_can_go_without_metrics() -> None:
    async with running(metrics_port=-1) as node:
        assert node.metrics_server is None
        player = await dial(node.url())
        await player.join()
        await player.socket.close()
