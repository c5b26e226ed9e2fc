from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from game_client.bot import BotView
from game_client.shell import swarm
from protocol import Chat, UsageFault
from tests.game_client.shell.tiny_server import Push, TinyServer


class Jumper:
    """Runs about and jumps; says so once."""

    made: list[float]

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.said = False
        Jumper.made.append(rng.random())

    def act(self, view: BotView) -> Iterator[Any]:
        yield Push(dx=self.rng.choice((-1, 0, 1)), jump=self.rng.randrange(2))
        if not self.said:
            self.said = True
            yield Chat(text="hop")


class Faller:
    """A behaviour with a bug."""

    def __init__(self, rng: Random) -> None:
        pass

    def act(self, view: BotView) -> list[Any]:
        raise ZeroDivisionError("in a bot")


@pytest.fixture(autouse=True)
def no_bots_made() -> None:
    Jumper.made = []


class Served:
    """Two tiny servers in a thread of their own: `run` needs the main thread's loop for itself."""

    def __init__(self, count: int = 1, **options: Any) -> None:
        self.count, self.options = count, options
        self.urls: list[str] = []
        self.servers: list[TinyServer] = []
        self._up, self._down = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        import asyncio
        from contextlib import AsyncExitStack

        async def serve() -> None:
            async with AsyncExitStack() as stack:
                for _ in range(self.count):
                    self.servers.append(await stack.enter_async_context(TinyServer(**self.options)))
                self.urls = [server.url for server in self.servers]
                self._up.set()
                while not self._down.is_set():
                    await asyncio.sleep(0.02)

        asyncio.run(serve())

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._up.wait(30)
        return self

    def __exit__(self, *error: object) -> None:
        self._down.set()
        self._thread.join()


def test_bots_are_spread_over_the_matches_and_what_they_measured_is_one_json_line(capsys: Any) -> None:
    with Served(2) as served:
        status = swarm.run(
            ",".join(served.urls), count=4, seconds=1.0, behaviour=Jumper, seed=7, json_line=True
        )
        assert [server.match.counts.keyframes for server in served.servers] == [2, 2]
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1
    told = json.loads(lines[0])
    assert status == 0, told
    assert (told["clients"], told["errors"], told["desyncs"], told["reconnects"], told["keyframes"]) == (4, 0, 0, 0, 0)
    # Orders of magnitude: that the units are right, on however busy a machine.
    assert 1.0 <= told["seconds"] < 20
    assert 3 < told["state_hz"] < 300
    assert 3 < told["state_gap_ms"]["p50"] < 330
    assert told["state_gap_ms"]["max"] >= told["state_gap_ms"]["p99"] >= told["state_gap_ms"]["p50"]
    assert 3 < told["input_to_ack_ms"]["p50"] < 2000
    assert 0 < told["rtt_ms"]["p50"] <= told["rtt_ms"]["p99"]
    assert told["bytes_down_per_client_s"] > 20
    assert told["bytes_up_per_client_s"] > 20
    assert told["cpu_s"] > 0


def test_every_bot_has_a_generator_of_its_own_and_the_seed_repeats_them() -> None:
    with Served() as served:
        for seed in (7, 7, 8):
            swarm.run(served.urls[0], count=2, seconds=0.1, behaviour=Jumper, seed=seed, json_line=True)
    first, again, other = Jumper.made[:2], Jumper.made[2:4], Jumper.made[4:]
    assert first == again
    assert len({*first, *other}) == 4


def test_a_behaviour_that_raises_is_an_error_and_exit_status_1(capsys: Any) -> None:
    with Served() as served:
        assert swarm.run(served.urls[0], count=1, seconds=0.2, behaviour=Faller, json_line=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["errors"] == 1
    assert "in a bot" in told["error"]


def test_a_refused_bot_is_an_error_and_exit_status_1(capsys: Any) -> None:
    with Served(deny=404) as served:
        assert swarm.run(served.urls[0], count=2, seconds=5, behaviour=Jumper, json_line=True) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["clients"], told["errors"], told["error"]) == (0, 2, "not today (404)")


def test_without_json_the_measurement_is_a_table(capsys: Any) -> None:
    with Served() as served:
        assert swarm.run(served.urls[0], count=1, seconds=0.1, behaviour=Jumper) == 0
    assert "state_hz" in capsys.readouterr().out


def test_a_behaviour_is_found_by_name_and_a_wrong_name_says_so() -> None:
    assert swarm.load_behaviour("demo_game.bots:Hunter").__name__ == "Hunter"  # type: ignore[attr-defined]
    for name in ("demo_game.bots:Nobody", "no_such_module:X", "nonsense"):
        with pytest.raises(UsageFault, match="is not module:Class"):
            swarm.load_behaviour(name)
    with pytest.raises(UsageFault, match="at least one match"):
        swarm.run(" , ", count=1, behaviour=Jumper)


def test_percentiles_are_by_nearest_rank() -> None:
    assert swarm.percentile(range(1, 101), 50) == 50
    assert swarm.percentile(range(1, 101), 99) == 99
    assert swarm.percentile([7.0], 99) == 7.0
    assert swarm.percentile([], 50) == 0.0
