"""Load over real sockets, in small."""

from bench.load import Load, play
from demo_client.children import Children


def test_a_small_load_is_measured_by_both_ends() -> None:
    with Children() as children:
        server = children.serve("demo_game.arena:Arena", matches=2)
        load = play(server, children, matches=2, count=4, seconds=2, behaviour="demo_game.bots:Wanderer")
    assert load.bots["clients"] == 4
    assert load.bots["desyncs"] == load.bots["errors"] == load.errors_logged == 0
    assert [match["seats"] for match in load.after["matches"]] == [2, 2]
    assert load.per_second("bytes_out") > 0
    assert load.worst("tick_ms_p99") > 0


def test_rates_are_growth_by_time() -> None:
    load = Load({}, 4.0, {"bytes_out": 100}, {"bytes_out": 500, "matches": [{"a": 1}, {"a": 3}]}, 0)
    assert load.per_second("bytes_out") == 100
    assert load.worst("a") == 3
