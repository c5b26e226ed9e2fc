"""Bots: many clients in one process, each with a behaviour and a seed of its own, and what they measured.

The window of measurement opens one second after the last one joined, so that joining is not in the numbers. Several
processes of them are `workers.py`'s.
To test: `tests/game_client/shell/test_swarm.py`.
"""

import asyncio
import gc
import importlib
import ipaddress
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from random import Random
from ssl import SSLContext, create_default_context
from time import monotonic, process_time
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from game_client.bot import BehaviourMaker, play_turn
from game_client.lobby_records import LobbyRefused
from game_client.shell.connection import Client, JoinRefused
from game_client.shell.measured import COUNTED, Measured
from game_client.shell.quick_seat import QuickSeat, is_lobby
from game_client.shell.tickets import Tickets
from protocol.errors import UsageFault

DEFAULT_BEHAVIOUR = "demo_game.bots:Hunter"
SETTLE_S = 1.0
JOINING_MAX = 64
"""Dials at a time, in one process."""
JOINS_PER_S = 500.0
"""Half of what a server's handshake limit allows by default, so that others still get in."""
TOLD_EVERY_S = 0.25
LOOPBACKS = 4
"""Bots dial from 127.0.0.1 to 127.0.0.4: every address has its own 28,000 ports, and its own limits at the server."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which bots play: every `step`-th of `count`, from `first` on, so that no name comes twice over processes."""

    urls: tuple[str, ...]
    count: int
    behaviour: str | BehaviourMaker
    seed: int = 1
    joins_per_s: float = JOINS_PER_S
    first: int = 0
    step: int = 1
    ca: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    """What matches must be like, at a lobby."""

    @property
    def numbers(self) -> range:
        """The numbers of the bots, from 0."""
        return range(self.first, self.count, self.step)

    def url(self, number: int) -> str:
        """Return which match a bot joins, or at which lobby it asks for one."""
        return self.urls[number % len(self.urls)]


def load_behaviour(behaviour: str | BehaviourMaker) -> BehaviourMaker:
    """Return the class that `module:Class` names. *Raises* `UsageFault`."""
    if not isinstance(behaviour, str):
        return behaviour
    module_name, _, class_name = behaviour.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # As `python -m` has it: the reader's own module lies in the current folder.
    try:
        made: BehaviourMaker = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageFault(f"behaviour {behaviour!r} is not module:Class: {error}") from error
    return made


def trust(ca: str) -> SSLContext | None:
    """Return a context that trusts the certificates in the file `ca`; None for none. *Raises* `UsageFault`."""
    if not ca:
        return None
    try:
        return create_default_context(cafile=ca)
    except OSError as error:
        raise UsageFault(f"{ca} is no file of certificates: {error}") from error


def source_address(url: str, number: int) -> str | None:
    """Return where a bot dials from: one of four addresses of this machine, or wherever the system likes."""
    try:
        loopback = ipaddress.IPv4Address(urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return None
    # Only Linux answers on all of 127.0.0.0/8 unasked.
    return f"127.0.0.{1 + number % LOOPBACKS}" if loopback and sys.platform == "linux" else None


class Bot:
    """One client with its behaviour."""

    def __init__(
        self,
        number: int,
        url: str,
        behaviour: BehaviourMaker,
        seed: int,
        ssl: SSLContext | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> None:
        self.number = number
        name = number + 1
        rng, local_addr = Random(f"{seed}:dial:{name}"), source_address(url, number)
        self.client = Client(url, name=f"bot-{name}", rng=rng, local_addr=local_addr, ssl=ssl)
        self._seats: QuickSeat | None = None
        if is_lobby(url):
            self._seats = QuickSeat(url, f"bot-{name}", rng, filters=filters, ssl=ssl, local_addr=local_addr)
        plays = behaviour(Random(f"{seed}:play:{name}"))
        self.client.on_state = lambda applied: play_turn(plays, self.client)
        self.before: dict[str, int] = {}
        self.refusal: str | None = None
        self.joined = False

    async def join(self) -> None:
        """Join, at a lobby where it says so, and remember a refusal."""
        try:
            if self._seats is not None:
                self.client.token = Tickets(await self._seats.find(), self._seats.again)
            await self.client.start()
            self.joined = True
        except (JoinRefused, LobbyRefused) as refusal:
            self.refusal = str(refusal)
        except Exception as error:
            # What a behaviour raises is a bot's error like any other; the others play on.
            self.refusal = _told(error)
        except asyncio.CancelledError:
            await self.client.stop()
            raise

    def begin(self) -> None:
        """Open the window."""
        self.client.stats.forget_samples()
        self.before = {name: getattr(self.client.stats, name) for name in COUNTED}

    def grown(self) -> dict[str, int]:
        """Return how much each count grew in the window."""
        return {name: getattr(self.client.stats, name) - before for name, before in self.before.items()}

    @property
    def error(self) -> str | None:
        """Why this bot failed, if it did: refused, sent away, or a behaviour that raised."""
        if not self.joined:
            return self.refusal
        status = self.client.status
        if self.client.fault is not None:
            return _told(self.client.fault)
        ended = status.phase != "live" and status.code != 1000
        return str(status) if ended else None


def _told(error: Exception) -> str:
    # What a behaviour asks for and the match does not have.
    unfit = isinstance(error, UsageFault)
    return f"{error}; --behaviour MODULE:CLASS says what plays this game" if unfit else repr(error)


Told: TypeAlias = Callable[[str, float], None]
"""Called with what the bots are doing, and how many have joined or how many seconds of the window have passed."""


class Swarm:
    """The bots of one process: `join`, then `play`, then `leave`."""

    def __init__(self, plan: Plan, told: Told) -> None:
        made, trusting = load_behaviour(plan.behaviour), trust(plan.ca)
        self.plan = plan
        filters = dict(plan.filters)
        self.bots = [Bot(number, plan.url(number), made, plan.seed, trusting, filters) for number in plan.numbers]
        self.settled = 0
        self._told = told
        self._join_s = 0.0

    @property
    def playing(self) -> list[Bot]:
        """Those that have joined."""
        return [bot for bot in self.bots if bot.joined]

    async def join(self) -> None:
        """Let all bots join, each not before its time."""
        gate = asyncio.Semaphore(JOINING_MAX)
        began = monotonic()
        self._told("joining", 0)
        async with asyncio.TaskGroup() as group:
            for bot in self.bots:
                # A bot's time comes from its number among all, so that the rate holds over all processes.
                await asyncio.sleep(max(0.0, began + bot.number / self.plan.joins_per_s - monotonic()))
                await gate.acquire()
                group.create_task(self._join(bot, gate))
        self._join_s = monotonic() - began

    async def _join(self, bot: Bot, gate: asyncio.Semaphore) -> None:
        try:
            await bot.join()
        finally:
            gate.release()
        self.settled += 1
        self._told("joining", self.settled)

    async def play(self, seconds: float, ended: asyncio.Event) -> Measured:
        """Open the window for `seconds`, or until `ended` is set, and return what the bots measured in it."""
        gc.collect()
        gc.freeze()
        if self.playing:
            # After the collection, whose pause would make the first states of the window come in a heap.
            await until(asyncio.sleep(SETTLE_S), ended)
        for bot in self.bots:
            bot.begin()
        began, cpu_began = monotonic(), process_time()
        while self.playing and not ended.is_set() and monotonic() - began < seconds:
            self._told("playing", monotonic() - began)
            await asyncio.sleep(min(TOLD_EVERY_S, max(0.0, began + seconds - monotonic())))
        return self._measured(monotonic() - began, process_time() - cpu_began)

    async def leave(self) -> None:
        """Leave the match with every bot that is in it."""
        gc.unfreeze()
        await asyncio.gather(*(bot.client.stop() for bot in self.playing))

    def _measured(self, took_s: float, cpu_s: float) -> Measured:
        playing = self.playing
        measured = Measured(len(playing), took_s, len(playing) * took_s, self._join_s, cpu_s)
        # The counts first: adding up the samples takes a while, and states keep coming.
        for bot in self.bots:
            measured.counts.update(bot.grown())
            # All that were ever seen: one before the window is no better.
            measured.desyncs += bot.client.stats.desyncs
        measured.fail(bot.error for bot in self.bots if bot.error is not None)
        for bot in playing:
            measured.add_samples(bot.client.stats)
            measured.add_place(bot.client.session.url)
        return measured


async def swarm(plan: Plan, seconds: float, told: Told, ended: asyncio.Event) -> Measured:
    """Let the bots of one process play for `seconds` after all have joined; until `ended` at most."""
    bots = Swarm(plan, told)
    try:
        await until(bots.join(), ended)
        return await bots.play(seconds, ended)
    finally:
        await bots.leave()


async def until(work: Coroutine[Any, Any, None], ended: asyncio.Event) -> None:
    """Wait for `work`, which is cancelled when `ended` is set before it is done. *Raises* what the work raised."""
    working, ending = asyncio.ensure_future(work), asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        both = [each for each in (working, ending) if each.cancel()]
        await asyncio.gather(*both, return_exceptions=True)
    if not working.cancelled():
        working.result()
