"""The right to act: until when a node may run its matches without having heard from the directory again.

    a renewal is sent ----- TTL of the lease in Redis -----> gone: others may adopt the node's matches
    |------------------ may act -----------------> margin

The node counts from the moment *before* a renewal was sent, so its own time is over before anybody else's begins. Its
clock goes on while the machine sleeps (CLOCK_BOOTTIME); what a hypervisor pauses no clock can tell, there only epochs
protect.
To test: `tests/game_server/cluster/test_lease.py`.
"""

LEASE_TTL_NS = 10_000_000_000
MARGIN_NS = 1_000_000_000


class Lease:
    """A node's lease as the node itself may trust it."""

    def __init__(self, ttl_ns: int = LEASE_TTL_NS, margin_ns: int = MARGIN_NS) -> None:
        assert 0 <= margin_ns < ttl_ns, "some of the lease must be left to act in"
        self._good_ns = ttl_ns - margin_ns
        self.deadline_ns: int | None = None
        """From here on the node may not act; None before the first renewal, and once it was given up."""
        self.given_up = False

    def confirmed(self, sent_ns: int) -> None:
        """A renewal that was sent after `sent_ns` is in the directory, with a majority of its replicas."""
        if self.given_up:
            return
        until_ns = sent_ns + self._good_ns
        # Answers may overtake each other; none takes back what another has granted.
        self.deadline_ns = until_ns if self.deadline_ns is None else max(self.deadline_ns, until_ns)

    def give_up(self) -> None:
        """Another process has this node's name: never act again."""
        self.given_up, self.deadline_ns = True, None

    def may_act(self, now_ns: int) -> bool:
        """Tell whether the node may run a tick."""
        return self.deadline_ns is not None and now_ns < self.deadline_ns

    def remaining_ns(self, now_ns: int) -> int:
        """Return for how long it still may; 0 if it may not."""
        return 0 if self.deadline_ns is None else max(0, self.deadline_ns - now_ns)
