"""A server that stands still: a paused machine, a debugger, a laptop's lid."""

import asyncio
import signal
from random import Random

import pytest

from bench.behaviours import Restless
from bench.serving import log_lines
from demo_client.children import Children
from game_client import Client
from game_client.bot import play_turn

PAUSE_S = 8.0


@pytest.mark.slow
async def test_players_of_a_server_that_was_paused_for_8_s_are_all_back_on_their_seats() -> None:
    with Children() as children:
        server = children.serve("demo_game.arena:Arena")
        clients = [Client(server.url(), name=f"p{n}", rng=Random(n)) for n in range(6)]
        for n, client in enumerate(clients):
            bot = Restless(Random(n))
            client.on_state = lambda applied, bot=bot, client=client: play_turn(bot, client)  # type: ignore[misc]
            await client.start()
        seats = [client.seat for client in clients]
        await asyncio.sleep(1.0)
        server.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(PAUSE_S)
        server.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(15):
            while not all(each.status.phase == "live" and each.stats.state_gap_ms[-1] < 500 for each in clients):
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        assert [client.seat for client in clients] == seats
        assert sum(each.stats.rejoined + each.stats.desyncs + each.stats.errors for each in clients) == 0
        assert log_lines(server, event="stood_still") and not log_lines(server, event="disconnected", code=1008)
        await asyncio.gather(*(client.stop() for client in clients))
