"""How late an event loop is."""

import asyncio
import time

from game_server.shell.buckets import Buckets
from game_server.shell.loop_lag import INTERVAL_NS, LoopLag

MS = 1_000_000


async def test_a_loop_that_was_held_up_is_late_by_that_much() -> None:
    buckets = Buckets((200 * MS,))
    lag = LoopLag(buckets)
    lag.start()
    time.sleep((INTERVAL_NS + 250 * MS) / 1e9)  # as a tick that takes too long does
    await asyncio.sleep(0.01)
    lag.stop()
    assert buckets.counts == [0, 1]
    assert buckets.total >= 249 * MS


async def test_nothing_is_measured_after_the_end_and_stopping_again_is_harmless() -> None:
    buckets = Buckets((MS,))
    lag = LoopLag(buckets)
    lag.stop()
    lag.start()
    lag.stop()
    lag.stop()
    time.sleep(INTERVAL_NS / 1e9)
    await asyncio.sleep(0.01)
    assert buckets.counts == [0, 0]


async def test_a_timer_that_runs_early_is_not_late() -> None:
    now_ns = [0]
    buckets = Buckets((MS, 10 * MS))
    lag = LoopLag(buckets, lambda: now_ns[0])
    lag.start()
    for now_ns[0] in (INTERVAL_NS - MS, INTERVAL_NS + 7 * MS):
        lag.stop()
        lag._measure(INTERVAL_NS)
    lag.stop()
    assert buckets.counts == [1, 1, 0]
    assert buckets.total == 7 * MS
