"""Errors carry facts; the sentence is built when it is read."""

from protocol.errors import GameFault, NodeFault, PeerFault, TickwireError, UsageFault


def test_a_peer_fault_carries_its_close_code() -> None:
    fault = PeerFault("too big", 1009)
    assert (fault.reason, fault.close_code, str(fault)) == ("too big", 1009, "too big (close 1009)")


def test_every_fault_is_ours() -> None:
    assert all(issubclass(each, TickwireError) for each in (PeerFault, GameFault, UsageFault, NodeFault))
