"""Those who only watch, and those who do nothing, in short."""

import asyncio

from bench import watchers
from bench.fault_proxy import FaultProxy
from bench.report import Report
from bench.serving import serve
from demo_client.children import Children
from game_client import Client
from game_client.session import SessionState
from tests.bench.told import misses, value


def test_those_who_do_nothing_are_left_in_peace(silent_report: Report) -> None:
    watchers.watchers(silent_report, seconds=2.0)
    assert misses(silent_report) == []
    assert 0 < value(silent_report, "spectator_silence_s") < 1


async def test_a_dial_beside_a_silent_socket_counts_though_nothing_was_lost() -> None:
    with Children() as children:
        server = serve(children, "bench.games:Busy")
        host, _, port = server.address.rpartition(":")
        async with FaultProxy(host, int(port)) as proxy:
            client = Client(f"ws://127.0.0.1:{proxy.port}/v1/match/1", name="watcher")
            await client.start()
            looking = asyncio.ensure_future(watchers._look(client, seconds=2.0))
            (pipe,) = proxy.pipes
            # Nobody listens meanwhile, so that what is dialled fails.
            assert proxy._server is not None
            proxy._server.close()
            pipe.stall()
            while client.session.state is not SessionState.SILENT or watchers.dials_of(client) < 2:
                await asyncio.sleep(0.01)
            pipe.flow()
            watched = await looking
            assert client.stats.reconnects == 0 and watched.live
            assert watched.redials >= 1
            pipe.cut()
            await client.stop()
