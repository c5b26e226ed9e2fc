"""A replica and a connection made of plain values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic_ns
from types import SimpleNamespace
from typing import Any

from game_client.facts import Status
from game_client.stats import ClientStats


def ship(id: int = 1, owner: int | None = 0, **fields: Any) -> SimpleNamespace:
    """A ship as a replica shows it."""
    values = {
        "id": id, "owner": owner, "kind": "Ship", "generation": 0, "name": f"ship {id}", "x": 20.0, "y": 20.0,
        "heading": 0.0, "hp": 100, "alive": True, "shielded": False, "score": 0,
    }  # fmt: skip
    return SimpleNamespace(**(values | fields))


def bullet(id: int = 200, owner: int = 0, **fields: Any) -> SimpleNamespace:
    """A bullet as a replica shows it."""
    values = {"id": id, "owner": owner, "kind": "Bullet", "generation": 0, "x": 4.0, "y": 4.0, "heading": 0.0}
    return SimpleNamespace(**(values | {"born": 0} | fields))


def pickup(ready: bool = True) -> SimpleNamespace:
    """A pick-up as a replica shows it."""
    return SimpleNamespace(id=90, owner=None, kind="Pickup", generation=0, x=9.0, y=9.0, gives="HEALTH", ready=ready)


def clock(seconds_left: int = 100) -> SimpleNamespace:
    """The clock as a replica shows it."""
    return SimpleNamespace(id=91, owner=None, kind="Clock", generation=0, seconds_left=seconds_left, round_number=2)


class FakeWorld:
    """Some entities."""

    def __init__(self, *entities: Any) -> None:
        self.entities = list(entities)

    def all(self, kind: Any) -> list[Any]:
        """Return those of a kind."""
        name = kind if isinstance(kind, str) else kind.__name__
        return [each for each in self.entities if each.kind == name]


@dataclass
class FakeLink:
    """A connection that applies one state per pump and remembers what it was sent."""

    world: FakeWorld = field(default_factory=lambda: FakeWorld(ship(), clock()))
    seat: int | None = 0
    tick: int = -1
    tick_rate_hz: int = 30
    status: Status = field(default_factory=lambda: Status("live"))
    stats: ClientStats = field(default_factory=ClientStats)
    playhead_tick: float | None = None
    events: list[tuple[int, Any]] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    commands: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    fault: Exception | None = None
    closed: bool = False
    cuts: list[float] = field(default_factory=list)

    def cut(self, seconds: float) -> None:
        """Remember a cut."""
        self.cuts.append(seconds)

    def pump(self, on_state: Callable[[int, int, Any], None] | None = None) -> int:
        """Apply the next state."""
        if self.status.phase != "live":
            return 0
        self.tick += 1
        if on_state is not None:
            on_state(self.tick, monotonic_ns(), self.world)
        return 1

    def take_events(self) -> list[tuple[int, Any]]:
        """Hand the events out once."""
        events, self.events = self.events, []
        return events

    def send_input(self, record: Any = None, **fields: Any) -> None:
        """Remember an input."""
        self.inputs.append(fields if record is None else record.model_dump())

    def send_command(self, command: Any, **fields: Any) -> None:
        """Remember a command, or fail as told."""
        if self.fault is not None:
            raise self.fault
        self.commands.append((command, fields))

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def listing(match: str = "m-3fa9c0d1e2b34455", seats: int = 3, seats_max: int = 32, **fields: Any) -> SimpleNamespace:
    """A match as a lobby lists it."""
    values = {"spectators": 0, "attributes": {}}
    return SimpleNamespace(match=match, seats=seats, seats_max=seats_max, **(values | fields))


def online(player: str, where: int = 1, match: str = "", name: str = "") -> SimpleNamespace:
    """A player as a lobby lists them."""
    return SimpleNamespace(player=player, name=name or player, where=where, match=match)


def welcome(**fields: Any) -> SimpleNamespace:
    """Who the player is in the lobby."""
    values = {
        "player": "guest-1", "name": "Ada", "guest": "tickwire-guest-1.x", "game": "Arena", "node": "node-1",
        "seats_max": 32, "filters": ["mode", "region"], "rejoin": "", "online": 2, "rating": 1500,
    }  # fmt: skip
    return SimpleNamespace(**(values | fields))


def found_seat(**fields: Any) -> SimpleNamespace:
    """Where a lobby seats the player."""
    values = {"url": "ws://127.0.0.1:1/v1/match/m-1", "match": "m-1", "ticket": "t", "spectate": 0, "code": ""}
    return SimpleNamespace(**(values | fields))


def refused(sentence: str, retry_after_ms: int = 0, code: str = "full") -> SimpleNamespace:
    """Why a lobby refuses."""
    return SimpleNamespace(code=code, sentence=sentence, retry_after_ms=retry_after_ms)


@dataclass
class FakeLobby:
    """A lobby that remembers what it was asked, and answers when told to."""

    status: Status = field(default_factory=lambda: Status("live"))
    welcome: Any = field(default_factory=welcome)
    matches: list[Any] | None = field(default_factory=lambda: [listing()])
    players: list[Any] = field(default_factory=lambda: [online("guest-1", name="Ada"), online("bot-1", 2, "m-1")])
    search: Any = None
    seat: Any = None
    error: Any = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    closed: bool = False

    def quick_play(self) -> None:
        """Remember the request."""
        self._ask("quick_play")

    def enqueue(self) -> None:
        """Remember the request."""
        self._ask("enqueue")

    def create(self, private: bool = False) -> None:
        """Remember the request."""
        self._ask("create", private)

    def join(self, match: str, spectate: bool = False) -> None:
        """Remember the request."""
        self._ask("join", match, spectate)

    def join_code(self, code: str) -> None:
        """Remember the request."""
        self._ask("join_code", code)

    def rejoin(self) -> None:
        """Remember the request."""
        self._ask("rejoin")

    def cancel(self) -> None:
        """Remember that it was given up."""
        self.asked.append(("cancel",))

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def _ask(self, *asked: Any) -> None:
        self.asked.append(asked)
        self.seat = self.error = self.search = None
