"""The flood over a real socket, in short."""

from websockets.frames import Opcode
from websockets.protocol import Protocol, Side

from bench.flood import flood, masked
from bench.serving import serve
from demo_client.children import Children


def test_a_short_flood_misses_no_tick() -> None:
    with Children() as children:
        flooded = flood(serve(children, "demo_game.arena:Arena", rate_limit_factor=0), seconds=0.5)
    assert flooded.frames > 1000
    assert flooded.ticks_missed == flooded.rebases == 0
    assert flooded.bystander_hz > 15


def test_a_masked_frame_is_legal() -> None:
    server = Protocol(Side.SERVER)
    server.receive_data(masked(b"\x92\x01"))
    (frame,) = server.events_received()
    assert (frame.opcode, frame.data) == (Opcode.BINARY, b"\x92\x01")
