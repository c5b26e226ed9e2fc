"""Bytes per client: 16 ships of Arena that move and shoot, real sockets, a match that has run for two hours."""

from bench.play import DOWN_MOST, LATE_TICK, UP_MOST, late_load


def test_sixteen_moving_and_shooting_players_keep_the_byte_budget() -> None:
    load = late_load(seconds=6)
    assert load.bots["errors"] == load.bots["desyncs"] == 0
    assert load.after["matches"][0]["tick"] > LATE_TICK
    # Counted by the clients, then by the server: bytes at the socket, with WebSocket headers and pings.
    for down in (load.bots["bytes_down_per_client_s"], load.per_second("bytes_out") / 16):
        assert 2000 < down <= DOWN_MOST
    for up in (load.bots["bytes_up_per_client_s"], load.per_second("bytes_in") / 16):
        assert 400 < up <= UP_MOST
