"""What a client holds of its seat, over as many sockets as it takes: the whole of what a resume claims and restores.

| held | told in HELLO of a resume | after a WELCOME that goes on | after a WELCOME of another seat |
|---|---|---|---|
| resume token | in the upgrade request | the new one | the new one |
| epoch, state, its hash | epoch, last tick, hash tick, hash | kept: a delta or a keyframe follows | begun anew |
| last event | last event | kept: later ones follow, seen ones are dropped, forgotten ones counted | as WELCOME says |
| commands not acknowledged | - | those that have not arrived are sent again | dropped and counted |
| input | - | kept, counters of presses too | levels kept, presses from 0 |

A WELCOME goes on when the dial brought a resume token and the seat is the same. It also does when a fresh dial took
over a seat in use: same epoch and seat, and its numbers show that it heard this client's commands before.
To test: `tests/game_client/test_resume.py`.
"""

from collections import deque
from typing import Any

from game_client.records import HeldInput
from protocol.errors import UsageFault
from protocol.messages import CommandFrame, Hello, Keyframe, State, Welcome
from protocol.schema import Schema
from protocol.state_codec import WireState

COMMANDS_UNACKNOWLEDGED_MAX = 256
"""One more is refused with a `UsageFault`: the server stopped listening, or is away for long."""
NO_HASH = (-1, 0)
TOKEN_REFUSED_STATUS = (401, 403, 409)
"""HTTP statuses that a resume token may get while the caller's own credential is still good."""
REJOIN_REASON = "the server was started anew, or does not keep the seat any more: joining again"
"""What a player is told then; what the server says of keys and tokens helps nobody who plays."""


class HeldSeat:
    """The seat as this client knows it. `known` from the first WELCOME on."""

    def __init__(self) -> None:
        self.known = False
        self.token = ""
        self.epoch = 0
        self.seat: int | None = None
        self.schema = Schema()
        self.state = WireState(self.schema)
        self.input: HeldInput | None = None
        self.last_event = 0
        self.events_missed = 0
        """How many events the last WELCOME passed over, because the server does not keep them any more."""
        self.commands: deque[CommandFrame] = deque()
        self._last_command = 0
        self._hashed = NO_HASH
        self._doubted = False

    # --- the handshake

    def hello(self, resuming: bool) -> Hello:
        """Return what to say on a new socket: all that is held if it was dialled with the token, else nothing."""
        if not resuming:
            return Hello(schema_hash=0, epoch=0, last_tick=-1, hash_tick=-1, hash=0, last_event=0)
        tick, (hash_tick, hash) = (-1, NO_HASH) if self._doubted else (self.state.tick, self._hashed)
        return Hello(0, self.epoch, tick, hash_tick, hash, self.last_event)

    def welcome(self, welcome: Welcome, resuming: bool) -> bool:
        """Take a WELCOME; tell whether it goes on with what is held. Raises `PeerFault`; nothing has changed then."""
        schema = Schema.from_wire(welcome.schema)
        seat = None if welcome.seat < 0 else welcome.seat
        same = self.known and seat == self.seat and schema == self.schema
        goes_on = same and (resuming or self._taken_over(welcome))
        if not goes_on:
            self._begin(schema, seat)
        self.events_missed = 0
        if goes_on and welcome.epoch == self.epoch:
            # What has been taken is not taken again; what the server has forgotten never comes.
            self.events_missed = max(0, welcome.last_event - self.last_event)
            self.last_event += self.events_missed
        else:
            self.last_event = welcome.last_event
        self.known = True
        self._last_command = max(self._last_command, welcome.last_command)
        self.epoch, self.token = welcome.epoch, welcome.resume_token
        return goes_on

    def _taken_over(self, welcome: Welcome) -> bool:
        first = self.commands[0].sequence if self.commands else self._last_command + 1
        used = welcome.last_command > 0 or welcome.last_event > 0
        return used and welcome.epoch == self.epoch and first - 1 <= welcome.last_command <= self._last_command

    def _begin(self, schema: Schema, seat: int | None) -> None:
        held, self.input = self.input, None
        if schema.input is not None and seat is not None:
            self.input = HeldInput(schema.input)
            # The levels stay held; a new seat counts presses from 0.
            if held is not None and held.values is not None and held.kind == schema.input:
                self.input.hold(held.without_presses(held.values))
        # Another seat never heard the old one's commands; applying them for it could apply them twice.
        self.commands.clear()
        self._last_command = 0
        self.schema, self.seat = schema, seat
        self.state = WireState(schema)
        self._hashed, self._doubted = NO_HASH, False

    def forget_token(self) -> None:
        """Take note that the seat is not kept: the next dial joins anew."""
        self.token = ""

    # --- states

    def check_hash(self, frame: State | Keyframe) -> bool:
        """Compare the hash that an applied frame brought, and remember the own one; no hash is a right one."""
        if isinstance(frame, Keyframe):
            self._hashed, self._doubted = NO_HASH, False
        if frame.hash is None:
            return True
        own = self.state.hash()
        self._hashed = (frame.tick, own)
        return own == frame.hash

    def doubt(self) -> None:
        """Claim no state in HELLO until the next keyframe: what is held differs from the server's."""
        self._doubted = True

    # --- commands

    def add_command(self, place: int, values: list[Any]) -> CommandFrame:
        """Number a command and keep it until it is acknowledged. *Raises* `UsageFault`."""
        if not self.known:
            raise UsageFault("a command before the match has answered: send it when the status is live")
        if self.seat is None:
            raise UsageFault("a spectator sends no commands")
        if len(self.commands) >= COMMANDS_UNACKNOWLEDGED_MAX:
            raise UsageFault(f"{COMMANDS_UNACKNOWLEDGED_MAX} commands are not acknowledged: wait, or send fewer")
        self._last_command += 1
        frame = CommandFrame(self._last_command, place, values)
        self.commands.append(frame)
        return frame

    def acknowledge(self, durable: int) -> None:
        """Forget the commands that the server will never ask for again."""
        while self.commands and self.commands[0].sequence <= durable:
            self.commands.popleft()

    def commands_after(self, arrived: int) -> list[CommandFrame]:
        """Return the commands that a server has not seen which had those up to `arrived`, in order."""
        return [each for each in self.commands if each.sequence > arrived]
