"""What one frame shows, as plain values: everything that is drawn is drawn from these.

To test: `tests/demo_client/test_scene.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ShipView:
    """A ship where it is drawn. *Units*: metres, metres a second, heading in turns, `thrust` from 0 to 1."""

    id: int
    seat: int | None
    name: str
    x: float
    y: float
    heading: float = 0.0
    hp: int = 100
    alive: bool = True
    shielded: bool = False
    mine: bool = False
    vx: float = 0.0
    vy: float = 0.0
    thrust: float = 0.0


@dataclass(frozen=True, slots=True)
class BulletView:
    """A bullet and where its trail ends, in metres."""

    id: int
    seat: int | None
    x: float
    y: float
    tail_x: float
    tail_y: float
    mine: bool = False


@dataclass(frozen=True, slots=True)
class PickupView:
    """A pick-up: what it gives, and whether it does so now."""

    id: int
    x: float
    y: float
    gives: str = "HEALTH"
    ready: bool = True


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """A line of the scoreboard."""

    seat: int | None
    name: str
    score: int
    alive: bool = True
    mine: bool = False


@dataclass(frozen=True, slots=True)
class FeedLine:
    """A kill as the feed tells it; an empty killer means that nobody did it. `age_s` fades it."""

    killer: str
    victim: str
    killer_seat: int | None
    victim_seat: int | None
    age_s: float = 0.0
    about_me: bool = False


@dataclass(frozen=True, slots=True)
class ChatLine:
    """A line somebody said."""

    seat: int | None
    name: str
    text: str
    age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """The connection in numbers; None is not known, as while it is lost."""

    ping_ms: float | None = None
    tick: int = 0
    down_bps: float | None = 0.0
    up_bps: float | None = 0.0
    fps: float = 0.0
    delay_ms: float = 0.0
    gaps_ms: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """One frame."""

    ships: Sequence[ShipView] = ()
    bullets: Sequence[BulletView] = ()
    pickups: Sequence[PickupView] = ()
    scores: Sequence[ScoreRow] = ()
    feed: Sequence[FeedLine] = ()
    chat: Sequence[ChatLine] = ()
    seat: int | None = None
    numbers: Numbers = field(default_factory=Numbers)
    seconds_left: int | None = None
    round_number: int = 1
    code: str = ""
    """By which others may join this private match."""
    watching: str = ""
    """Whom a spectator's view follows."""
    banner: str = ""
    banner_bad: bool = False
    banner_why: str = ""
    announcement: str = ""
    respawn_s: float | None = None
    killed_by: str = ""
    chat_draft: str | None = None
    show_scores: bool = False
    show_help: bool = False
    time_s: float = 0.0

    @property
    def me(self) -> ShipView | None:
        """The player's own ship, once there is one."""
        return next((ship for ship in self.ships if ship.mine), None)
