"""The asyncio client: `async with join(url, name="Ada") as client`.

A `Driver` whose session is a match's.
To test: `tests/game_client/shell/test_connection.py`.
"""

from collections.abc import AsyncIterator, Callable
from random import Random
from ssl import SSLContext
from time import monotonic_ns
from typing import Any

from game_client.facts import EventCame, StateApplied, Status, StatusChanged
from game_client.replica import Replica
from game_client.session import ClientSession
from game_client.shell.driver import Driver, JoinRefused, Token
from game_client.shell.tickets import Tickets
from game_client.shell.wire import Proxy, Road

__all__ = ["Client", "JoinRefused", "Token", "join"]


class Client(Driver):
    """One player in one match; comes back by itself after a lost socket.

    `on_state(StateApplied)`, `on_event(EventCame)` and `on_status(Status)` may be set; they are called inside the event
    loop, at once.
    `name` is for servers that believe one, `token` for those that want proof. A `patient` client goes on dialling when
    the first dial fails. It dials directly unless given a `proxy`: its URL, or True for the one that the environment
    names; from `local_addr` if one is given.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str = "",
        token: Token | None = None,
        spectate: bool = False,
        rng: Random | None = None,
        patient: bool = False,
        proxy: Proxy = None,
        ssl: SSLContext | None = None,
        local_addr: str | None = None,
    ) -> None:
        self.session = ClientSession(url, rng or Random(), monotonic_ns())
        super().__init__(self.session, name, token, Road(proxy, ssl, local_addr, spectate), patient)
        self.on_state: Callable[[StateApplied], None] | None = None
        self.on_status: Callable[[Status], None] | None = None
        self.on_event: Callable[[EventCame], None] | None = None

    # --- what may be read

    @property
    def world(self) -> Replica:
        """What this seat may see of the match."""
        return self.session.world

    @property
    def seat(self) -> int | None:
        """The seat, None for a spectator."""
        return self.session.seat

    @property
    def tick(self) -> int:
        """The last applied tick, -1 before the first."""
        return self.session.tick

    @property
    def tick_rate_hz(self) -> int:
        """The match's rate."""
        return self.session.tick_rate_hz

    @property
    def playhead_tick(self) -> float | None:
        """Which tick an interpolator shows; set it for the server's lag compensation."""
        return self.session.playhead_tick

    @playhead_tick.setter
    def playhead_tick(self, tick: float | None) -> None:
        self.session.playhead_tick = tick

    # --- what may be done

    def send_input(self, record: object | None = None, **fields: Any) -> None:
        """Hold an input from now on: an Input object, or its fields. *Raises* `UsageFault`."""
        self.session.send_input(record, **fields)
        self._turn()

    def send_command(self, command: object, **fields: Any) -> None:
        """Send a command, an object or a name with its fields; while reconnecting it waits. *Raises* `UsageFault`."""
        self.session.send_command(command, **fields)
        self._turn()

    def take_events(self) -> list[tuple[int, Any]]:
        """Return the events since the last call, each with its tick."""
        return self.session.take_events()

    async def states(self) -> AsyncIterator[int]:
        """Yield the tick whenever the world moved on, until the match is over for this client.

        Of several states that came while the caller was busy only the newest is yielded; it includes the others.
        """
        assert self._news is not None, "states() needs `async with`"
        seen = -1
        while True:
            if self.fault is not None:
                raise self.fault
            if self.tick != seen and self.status.phase == "live":
                seen = self.tick
                yield seen
            elif self.status.phase == "closed":
                return
            else:
                await self._wait_news()

    async def _credential(self) -> str:
        credential = await super()._credential()
        if isinstance(self.token, Tickets):
            # The lobby knows where the match is now.
            self.session.redirect(self.token.seat.url)
        return credential

    def _hear(self, effect: Any) -> None:
        match effect:
            case StateApplied():
                self._tell_news()
                if self.on_state is not None:
                    self._call(self.on_state, effect)
            case EventCame():
                if self.on_event is not None:
                    self._call(self.on_event, effect)
            case StatusChanged():
                self._tell_news()
                if self.on_status is not None:
                    self._call(self.on_status, self.status)


def join(
    url: str,
    *,
    name: str = "",
    token: Token | None = None,
    spectate: bool = False,
    rng: Random | None = None,
    proxy: Proxy = None,
    ssl: SSLContext | None = None,
    local_addr: str | None = None,
) -> Client:
    """Join the match at `url`: `async with join(url, name="Ada") as client`. *Raises* `JoinRefused` on entering.

    Without a name the server chooses one, if it lets strangers in; others want a `token`. With `spectate` the client
    only watches. `proxy` is a proxy's URL, or True for the one that the environment names.
    """
    return Client(url, name=name, token=token, spectate=spectate, rng=rng, proxy=proxy, ssl=ssl, local_addr=local_addr)
