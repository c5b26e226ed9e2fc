"""How a client follows the match over a joined socket: states and events come, inputs and acknowledgements leave.

The session gives it every message after WELCOME and calls `advance`; what it wants sent or told stands in `outbox`.
A state that does not start from the held tick is not applied: one RESYNC asks for one that does.
To test: `tests/game_client/test_following.py`, and through the session in `test_session.py`.
"""

from collections import deque
from typing import Any

from game_client.clock_sync import SECOND_NS, ClockSync
from game_client.facts import EventCame, StateApplied
from game_client.records import remote_event
from game_client.replica import Replica
from game_client.resume import HeldSeat
from game_client.stats import ClientStats
from protocol.errors import PeerFault
from protocol.messages import (
    CLOCK_MODULO,
    CLOCK_SHIFT,
    Ack,
    EventAck,
    EventFrame,
    InputFrame,
    Keyframe,
    Message,
    Resync,
    State,
    StateFlag,
)  # fmt: skip

ACK_AFTER_NS = 100_000_000
EVENT_ACK_AFTER_NS = 50_000_000
"""One acknowledgement for all events of so long: a burst of them must not be answered by a burst."""
EVENTS_UNTAKEN_MAX = 1024
"""Events that nobody takes; the oldest goes first, and is counted."""
RESYNC_AGAIN_NS = 2 * SECOND_NS
"""The server limits RESYNCs; one that it dropped is sent again, for a keyframe."""
VIEW_BACK_MAX = 4095


class Following:
    """The match as it comes, and what the player holds as it goes."""

    def __init__(self, held: HeldSeat, stats: ClientStats) -> None:
        self.world = Replica()
        self.clock = ClockSync(1)
        self.events: deque[tuple[int, Any]] = deque()
        self.playhead_tick: float | None = None
        self.outbox: list[Message | StateApplied | EventCame] = []
        self._held = held
        self._stats = stats
        self._inputs_sent: deque[tuple[int, int]] = deque(maxlen=256)
        self.begin_socket()

    def begin_socket(self) -> None:
        """Forget what was under way on the socket before."""
        self._inputs_sent.clear()
        self._state_ns = 0
        self._ack_due_ns: int | None = None
        self._event_ack_due_ns: int | None = None
        self._resync_ns: int | None = None
        self._resync_tick = -1

    def begin_seat(self, tick_rate_hz: int) -> None:
        """Show the state of a seat that begins anew. Raises `PeerFault`."""
        self.world.bind(self._held.state)
        self.clock = ClockSync(tick_rate_hz)

    @property
    def deadline_ns(self) -> int | None:
        """When an input or an acknowledgement is due."""
        held = self._held.input
        input_ns = None if held is None or held.values is None else self.clock.deadline_ns
        dues = (input_ns, self._ack_due_ns, self._event_ack_due_ns)
        return min([due for due in dues if due is not None], default=None)

    def advance(self, now_ns: int) -> None:
        """Send the input and the acknowledgements that are due."""
        self._send_input(now_ns)
        if self._event_ack_due_ns is not None and now_ns >= self._event_ack_due_ns:
            self._event_ack_due_ns = None
            self.outbox.append(EventAck(self._held.last_event))
        if self._ack_due_ns is not None and now_ns >= self._ack_due_ns:
            self._ack_due_ns = None
            self.outbox.append(Ack(self._held.state.tick))

    # --- states

    def hear_keyframe(self, frame: Keyframe, now_ns: int) -> None:
        """Take a keyframe; it is always applied. Raises `PeerFault`."""
        self._held.state.apply_keyframe(frame)
        self._stats.keyframes += 1
        self._resync_ns = None
        self._applied(frame, now_ns)

    def hear_state(self, frame: State, now_ns: int) -> bool:
        """Take a state; tell whether it could be applied."""
        state = self._held.state
        if not state.can_apply(frame):
            self._ask_again(state.tick, now_ns)
            return False
        try:
            state.apply_state(frame)
        except PeerFault:
            # A delta that does not fit what is held: the two ends differ, whoever is wrong.
            self._desync(now_ns)
            return False
        if self._resync_ns is not None and self._resync_tick >= 0:
            self._resync_ns = None
        self._applied(frame, now_ns)
        return True

    def _applied(self, frame: State | Keyframe, now_ns: int) -> None:
        self._stats.states += 1
        if self._state_ns:
            self._stats.gap(now_ns - self._state_ns)
        self._state_ns = now_ns
        if frame.flags & StateFlag.SUBSTITUTED:
            self._stats.substituted += 1
        self.clock.heard(frame.tick, frame.slack, frame.flags >> CLOCK_SHIFT, now_ns)
        sent = self._inputs_sent
        while sent and sent[0][0] <= frame.tick:
            self._stats.input_to_ack_ms.append((now_ns - sent.popleft()[1]) / 1_000_000)
        if self._ack_due_ns is None:
            self._ack_due_ns = now_ns + ACK_AFTER_NS
        self.outbox.append(StateApplied(frame.tick, frame))
        if not self._held.check_hash(frame):
            self._desync(now_ns)

    def _desync(self, now_ns: int) -> None:
        self._held.doubt()
        if self._resync_ns is None or self._resync_tick >= 0:
            self._stats.desyncs += 1
            self._resync_ns = None
        self._ask_again(-1, now_ns)

    def _ask_again(self, tick: int, now_ns: int) -> None:
        if self._resync_ns is not None:
            if now_ns - self._resync_ns < RESYNC_AGAIN_NS:
                return
            tick = -1
        self._resync_ns, self._resync_tick = now_ns, tick
        self._stats.resyncs += 1
        self.outbox.append(Resync(tick, self._held.last_event))

    # --- events, inputs

    def hear_event(self, frame: EventFrame, now_ns: int) -> None:
        """Take an event, once and in order. Raises `PeerFault` for one that the schema does not know."""
        held = self._held
        if frame.sequence > held.last_event + 1:
            # Cannot happen on one socket. A keyframe, because a delta would race with the states on their way.
            self._ask_again(-1, now_ns)
            return
        if frame.sequence <= held.last_event:
            self._stats.duplicates += 1
        else:
            held.last_event = frame.sequence
            event = remote_event(held.schema.events, frame.kind, frame.values)
            if event is None:
                raise PeerFault(f"event kind {frame.kind} does not fit the schema")
            if len(self.events) >= EVENTS_UNTAKEN_MAX:
                self.events.popleft()
                self._stats.events_lost += 1
            self.events.append((frame.tick, event))
            self.outbox.append(EventCame(frame.tick, event))
        if self._event_ack_due_ns is None:
            self._event_ack_due_ns = now_ns + EVENT_ACK_AFTER_NS

    def _send_input(self, now_ns: int) -> None:
        held = self._held.input
        if held is None or held.values is None or not self.clock.running:
            return
        label = self.clock.take_label(now_ns)
        if label is None:
            return
        view_back = 0
        if self.playhead_tick is not None:
            view_back = max(0, min(VIEW_BACK_MAX, round((label - self.playhead_tick) * 8)))
        clock = self.clock.generation % CLOCK_MODULO
        self.outbox.append(InputFrame(clock, label, max(0, label - self._held.state.tick), view_back, held.values))
        self._inputs_sent.append((label, now_ns))
        self._ack_due_ns = None
