"""The session against a model of the server, over sockets that open late, lose frames and race each other.

Whatever the order of opens, closes, frames, moves, lost WELCOMEs and dials beside each other: no command and no event
is lost or doubled, the seat is never given up, and the session always has a deadline until it is closed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from game_client.facts import (
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    EventCame,
    FrameReceived,
    SendFrame,
    SocketClosed,
    SocketOpened,
)  # fmt: skip
from game_client.session import ClientSession
from protocol.codec import decode, encode
from protocol.messages import (
    CommandAck,
    CommandFrame,
    EventAck,
    EventFrame,
    Hello,
    Message,
    Moved,
    Refusal,
    Resync,
    State,
)
from protocol.rows import Direction
from tests.game_client.frames import MS, URL, keyframe, welcome

PREFIX = "tickwire-resume-1."


class ModelServer:
    """One seat, as the wire describes it: numbered tokens, commands in order, events until they are acknowledged."""

    def __init__(self) -> None:
        self.tick = 100
        self.issued = self.confirmed = 0
        self.presented = (0, 0)
        self.current: int | None = None
        self.welcomed = False
        self.heard: list[int] = []
        self.acked_commands = 0
        self.events: list[int] = []
        self.events_acked = self.events_sent = 0
        self.base: int | None = None
        self.home = URL
        """Where the match is; every other address answers with MOVED."""
        self.faults: list[str] = []

    def hear(self, link: Link, message: Message) -> None:
        """Take a frame of a link."""
        match message:
            case Hello():
                self._hello(link, message)
            case _ if link.socket != self.current:
                pass
            case CommandFrame(sequence):
                self._confirm(link)
                if sequence == len(self.heard) + 1:
                    self.heard.append(sequence)
                elif sequence > len(self.heard) + 1:
                    self.faults.append(f"command {sequence} after {len(self.heard)}")
            case EventAck(sequence):
                self._confirm(link)
                self.events_acked = max(self.events_acked, sequence)
            case Resync():
                self._confirm(link)
                self.base = None
            case _:
                self._confirm(link)

    def _confirm(self, link: Link) -> None:
        self.confirmed = max(self.confirmed, link.n_given)

    def move(self, home: str, links: dict[int, Link]) -> None:
        """Let the match be at another address, and tell who is connected."""
        self.home = home
        link = links.get(self.current or 0)
        self.current = None
        if link is not None and link.up:
            link.move(home)

    def _hello(self, link: Link, hello: Hello) -> None:
        if link.url != self.home:
            link.move(self.home)
            return
        if link.n is None and self.issued:
            self.faults.append("joined a second seat")
            return
        if link.n is not None:
            if link.n < self.confirmed:
                link.say(Refusal(4005, "this token was followed by a newer one", 0))
                if link.known:  # Else a HELLO that came late, on a socket which the client has left.
                    self.faults.append(f"token {link.n} was used after {self.confirmed} was confirmed")
                return
            if (link.n, link.socket) <= self.presented:
                link.say(Refusal(4001, "an older attempt", 0))
                return
            if not self.events_acked <= hello.last_event <= len(self.events):
                self.faults.append(f"events after {hello.last_event} are asked for, {self.events_acked} acknowledged")
            self.presented = (link.n, link.socket)
        self.current = link.socket
        self.issued += 1
        link.n_given = self.issued
        self.base = hello.last_tick if hello.last_tick >= 0 else None
        self.events_sent = hello.last_event
        self.acked_commands = -1
        link.say(
            welcome(
                resume_token=f"{PREFIX}{self.issued}", last_command=len(self.heard), last_event=hello.last_event,
                tick=self.tick,
            )
        )  # fmt: skip

    def run_tick(self, links: dict[int, Link]) -> None:
        """Send to the current link what a tick sends."""
        self.tick += 1
        link = links.get(self.current or 0)
        if link is None or not link.up or not link.n_given:
            return
        if self.base is None:
            link.say(keyframe(self.tick))
        else:
            link.say(State(self.tick, self.tick - self.base, 0, 127, [], [], []))
        self.base = self.tick
        for sequence in range(self.events_sent + 1, len(self.events) + 1):
            link.say(EventFrame(sequence, self.tick, 0, [sequence]))
        self.events_sent = len(self.events)
        if self.acked_commands != len(self.heard):
            link.say(CommandAck(len(self.heard), len(self.heard)))
            self.acked_commands = len(self.heard)


@dataclass
class Link:
    """One socket with its frames under way; either direction may lose what is under way when it ends."""

    socket: int
    n: int | None
    url: str = URL
    n_given: int = 0
    up: bool = False
    """Open at the server's end."""
    known: bool = False
    """Not yet closed at the client's end."""
    to_server: deque[bytes] = field(default_factory=deque)
    to_client: deque[bytes] = field(default_factory=deque)

    def say(self, message: Message) -> None:
        """Send a frame to the client."""
        self.to_client.append(encode(message))

    def move(self, url: str) -> None:
        """Send MOVED, and close with 1012 after it: here an empty frame."""
        self.say(Moved(url.removeprefix("ws://there"), ""))
        self.to_client.append(b"")


class SessionMachine(RuleBasedStateMachine):
    """Everything that networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = 0
        self.server = ModelServer()
        self.links: dict[int, Link] = {}
        self.said = 0
        self.taken: list[int] = []

    @initialize(seed=st.integers(0, 2**16))
    def join(self, seed: int) -> None:
        self.session = ClientSession(URL, Random(seed), 0)
        self.advance()
        self.open(0)
        self.deliver_all()
        self.server.run_tick(self.links)
        self.deliver_all()
        assert self.session.status.phase == "live"

    # --- the shell

    def advance(self) -> None:
        self.session.advance(self.now_ns)
        self.drain()

    def tell(self, fact: Any) -> None:
        self.session.handle(fact, self.now_ns)
        self.drain()

    def drain(self) -> None:
        while effects := self.session.effects():
            for effect in effects:
                match effect:
                    case DialNow(socket, url, token, _):
                        n = int(token.removeprefix(PREFIX)) if token else None
                        assert socket not in self.links, "socket numbers are used once"
                        self.links[socket] = Link(socket, n, url, known=True)
                    case SendFrame(socket, data):
                        link = self.links[socket]
                        assert link.known, "nothing is sent to a socket that ended"
                        link.to_server.append(data)
                    case CloseSocket(socket, code):
                        assert code == 1001, "1000 would give the seat up"
                        # What was sent before the close still arrives.
                        self.links[socket].known = False
                        self.links[socket].to_client.clear()
                    case EventCame(_, event):
                        self.taken.append(event.points)

    def pick(self, links: list[Link], which: int) -> Link | None:
        return links[which % len(links)] if links else None

    # --- what happens

    @rule(which=st.integers(0, 7))
    def open(self, which: int) -> None:
        link = self.pick([each for each in self.links.values() if each.known and not each.up], which)
        if link is not None:
            link.up = True
            self.tell(SocketOpened(link.socket))

    @rule(which=st.integers(0, 7), status=st.sampled_from([0, 0, 503]))
    def fail(self, which: int, status: int) -> None:
        link = self.pick([each for each in self.links.values() if each.known and not each.up], which)
        if link is not None:
            link.known = False
            self.tell(DialFailed(link.socket, "no", status))

    @rule(which=st.integers(0, 7), arrives=st.integers(0, 4))
    def cut(self, which: int, arrives: int) -> None:
        """A socket dies; some of what is under way to the server still arrives."""
        link = self.pick([each for each in self.links.values() if each.known and each.up], which)
        if link is not None:
            self.to_server(link, arrives)
            link.known = False
            link.to_server.clear()
            link.to_client.clear()
            self.tell(SocketClosed(link.socket))

    @rule(which=st.integers(0, 7), count=st.integers(1, 4))
    def reach_server(self, which: int, count: int) -> None:
        link = self.pick([each for each in self.links.values() if each.up and each.to_server], which)
        if link is not None:
            self.to_server(link, count)

    def to_server(self, link: Link, count: int) -> None:
        for _ in range(min(count, len(link.to_server))):
            self.server.hear(link, decode(link.to_server.popleft(), Direction.TO_SERVER))

    @rule(which=st.integers(0, 7), count=st.integers(1, 4))
    def reach_client(self, which: int, count: int) -> None:
        link = self.pick([each for each in self.links.values() if each.known and each.to_client], which)
        for _ in range(count):
            if link is not None and link.to_client:
                self.to_client(link)

    def to_client(self, link: Link) -> None:
        data = link.to_client.popleft()
        if data:
            self.tell(FrameReceived(link.socket, data))
        else:
            link.known = False
            self.tell(SocketClosed(link.socket, 1012))

    @rule(which=st.integers(0, 7))
    def trickle(self, which: int) -> None:
        link = self.pick([each for each in self.links.values() if each.known and each.up], which)
        if link is not None:
            self.tell(BytesReceived(link.socket))

    @rule()
    def tick(self) -> None:
        self.server.run_tick(self.links)

    @rule(wait_ms=st.sampled_from([1, 50, 300, 1000, 1000, 6000, 11_000]))
    def wait(self, wait_ms: int) -> None:
        until_ns = self.now_ns + wait_ms * MS
        for _ in range(1000):
            deadline_ns = self.session.deadline_ns
            if deadline_ns is None or deadline_ns > until_ns:
                break
            self.now_ns = max(self.now_ns, deadline_ns)
            self.advance()
        else:
            raise AssertionError("the session spins")
        self.now_ns = until_ns

    @precondition(lambda self: self.session.commands_unacknowledged < 256)
    @rule()
    def command(self) -> None:
        self.said += 1
        self.session.send_command("Chat", text=str(self.said))
        self.drain()

    @rule(home=st.sampled_from([URL, *(f"ws://there/n/{node}/v1/match/1" for node in "ab")]))
    def move(self, home: str) -> None:
        self.server.move(home, self.links)

    @rule()
    def event(self) -> None:
        self.server.events.append(len(self.server.events) + 1)

    # --- what must hold

    @invariant()
    def always(self) -> None:
        if not hasattr(self, "session"):
            return
        assert self.server.faults == [], self.server.faults
        assert self.session.deadline_ns is not None, f"no deadline while {self.session.status}"
        assert self.session.status.phase != "closed", self.session.status
        assert self.server.heard == list(range(1, len(self.server.heard) + 1))
        assert self.taken == list(range(1, len(self.taken) + 1))
        assert len(self.session._redial.pending) <= 4
        assert sum(each.known for each in self.links.values()) <= 5

    @property
    def unanswered(self) -> bool:
        """Whether a command waits for its acknowledgement."""
        return self.session.commands_unacknowledged > 0

    def deliver_all(self) -> None:
        while any((each.up and each.to_server) or (each.known and each.to_client) for each in self.links.values()):
            for link in list(self.links.values()):
                if link.up:
                    self.to_server(link, 1)
                if link.known and link.to_client:
                    self.to_client(link)

    def teardown(self) -> None:
        """Let the network be good again: everything said and everything that happened arrives, once."""
        if not hasattr(self, "session"):
            return
        for _ in range(2000):
            self.open(0)
            self.server.run_tick(self.links)
            self.deliver_all()
            self.always()
            self.wait(50)
            if self.session.status.phase == "live" and self.taken == self.server.events and not self.unanswered:
                break
        assert self.session.status.phase == "live"
        assert self.server.heard == list(range(1, self.said + 1))
        assert self.session.commands_unacknowledged == 0
        assert self.taken == self.server.events
        stats = self.session.stats
        assert (stats.commands_lost, stats.rejoined, stats.errors, stats.desyncs) == (0, 0, 0, 0)


TestSessionModel = SessionMachine.TestCase
TestSessionModel.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
