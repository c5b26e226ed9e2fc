"""A slow Redis, in small: the proxy is late, ticks are not."""

from time import monotonic

import pytest
import redis

from bench import cluster_slow
from bench.cluster_slow import Ticks, slow_proxy
from bench.report import Report
from bench.serving import Lateness
from tests.bench.told import misses
from tests.redis_servers import RedisProcess


def test_answers_are_as_late_as_the_proxy_was_told(redis_process: RedisProcess) -> None:
    with slow_proxy(redis_process.port) as proxy, redis.Redis.from_url(proxy.url) as client:
        client.ping()
        proxy.delay(0.4)
        began = monotonic()
        client.ping()
        assert 0.4 <= monotonic() - began < 2.0


def test_ticks_at_the_edges_of_a_window_are_not_missed_but_more_are() -> None:
    late = Lateness()
    late.ticks, late.edges[0.5], late.edges[float("inf")] = 100.0, 97, 100
    assert Ticks(397, 400.9, late).missed == 0
    assert Ticks(390, 400.0, late).missed == 6
    assert Ticks(400, 400.0, late).waited == 3


@pytest.mark.slow
def test_no_tick_waits_for_a_slow_redis(silent_report: Report) -> None:
    cluster_slow.slow_redis(silent_report, pairs=1, seconds=3.0)
    assert misses(silent_report) == []
