"""Mutated requests and frames: what is built honestly is honest, and mutants are of every kind."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode
from websockets.protocol import Protocol, Side
from websockets.server import ServerProtocol

from bench.mutate_wire import BINARY, PartsOfFrame, WireMutator, head_bytes, head_of


def wire(seed: int) -> WireMutator:
    return WireMutator(Random(seed), lambda: b"payload")


@given(st.binary(max_size=70_000), st.binary(min_size=4, max_size=4))
def test_an_honest_frame_is_one_for_websockets_too(payload: bytes, mask: bytes) -> None:
    peer = Protocol(Side.SERVER)
    peer.receive_data(PartsOfFrame(BINARY, payload, mask=mask).encoded())
    (frame,) = peer.events_received()
    assert (frame.opcode, frame.data, frame.fin) == (Opcode.BINARY, payload, True)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (PartsOfFrame(1, b"ab", mask=None), b"\x81\x02ab"),
        (PartsOfFrame(2, b"", final=False, reserved=5, mask=None), b"\x52\x00"),
        (PartsOfFrame(2, b"", declared=2**63, mask=None), b"\x82\x7f\x80" + b"\x00" * 7),
        (PartsOfFrame(2, b"x", width=16, mask=None), b"\x82\x7e\x00\x01x"),
        (PartsOfFrame(2, b"x", width=64, mask=None), b"\x82\x7f" + b"\x00" * 7 + b"\x01x"),
        (PartsOfFrame(9, b"\x00", mask=b"\x07\x00\x00\x00"), b"\x89\x81\x07\x00\x00\x00\x07"),
    ],
)
def test_every_part_of_a_frame_can_lie(parts: PartsOfFrame, wanted: bytes) -> None:
    assert parts.encoded() == wanted


def test_an_honest_head_is_accepted() -> None:
    server = ServerProtocol()
    server.receive_data(head_bytes(*head_of("/v1/match/1", credential="Ada")))
    (request,) = server.events_received()
    assert server.accept(request).status_code == 101  # type: ignore[arg-type]
    assert request.headers["Authorization"] == "Bearer Ada"  # type: ignore[union-attr]


def test_the_same_seed_gives_the_same_bytes(seed: int) -> None:
    one, other = wire(seed), wire(seed)
    for _ in range(300):
        assert one.request("/a") == other.request("/a")
        assert one.frames() == other.frames()


def test_requests_are_refused_in_many_ways_and_some_are_granted() -> None:
    mutator = wire(1)
    answers = set()
    for _ in range(3000):
        server = ServerProtocol()
        server.receive_data(mutator.request("/v1/match/1")[:9000])
        requests = server.events_received()
        answers.add(server.accept(requests[0]).status_code if requests else type(server.handshake_exc).__name__)  # type: ignore[arg-type]
    assert answers >= {101, 400, 405, 426, 505, "InvalidMessage", "NoneType"}


def test_streams_break_every_rule_and_keep_some() -> None:
    mutator = wire(2)
    ends = set()
    for _ in range(5000):
        peer = Protocol(Side.SERVER, max_size=4096)
        peer.receive_data(b"".join(mutator.frames()))
        ends.add(peer.close_sent.code if peer.close_sent is not None else None)
    assert ends >= {None, 1000, 1002, 1007, 1009}
