"""A node of Arena whose match begins at a later tick, as one that has run for hours: `python -m bench.node`.

Ticks are two bytes longer after 65,535, and bytes must be counted as they are in the long run.
To test: `tests/integration/test_bytes.py`.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from demo_game.arena import Arena
from game_server.shell.garbage import IdleCollector
from game_server.shell.line import clock_ns
from game_server.shell.log import configure_log, get_log
from game_server.shell.match_runner import MatchRunner
from game_server.shell.settings import Settings, read_settings
from game_server.shell.websocket_server import WebSocketServer
from game_server.sim.match import Match

RESTART = 1012


@asynccontextmanager
async def node_from(first_tick: int, settings: Settings | None = None, seed: int = 1) -> AsyncIterator[WebSocketServer]:
    """Run one Arena from `first_tick` on, on a free port, in the running loop."""
    settings = settings or read_settings({}, port=0)
    collector = IdleCollector()
    match = Match(Arena(), "1", seed=seed, start_ns=clock_ns(), first_tick=first_tick)
    runner = MatchRunner([match], collector=collector)
    server = WebSocketServer(runner, settings)
    await server.listen()
    runner.start()
    collector.start()
    try:
        yield server
    finally:
        runner.stop(RESTART, "the measurement is over")
        await server.drain(settings.shutdown_seconds)
        runner.halt()
        server.stop_listening()
        collector.stop()


async def _run(first_tick: int) -> None:
    stopped = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    async with node_from(first_tick) as server:
        get_log().info("serving", url=f"ws://127.0.0.1:{server.port}/v1/match/1")
        await stopped.wait()


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m bench.node")
    parser.add_argument("--first-tick", type=int, default=0)
    given = parser.parse_args()
    configure_log("info", "json")
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(given.first_tick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
