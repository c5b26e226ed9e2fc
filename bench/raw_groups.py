"""Many raw clients at once: made in time, watched, cut all together and back again.

To test: `tests/bench/test_raw_groups.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from random import Random
from time import monotonic
from typing import TypeVar

from bench.raw_clients import POLL_S, Idler
from bench.raw_socket import RawSocket, Request
from protocol.close_codes import SEAT_GONE
from protocol.messages import Hello

S = TypeVar("S", bound=RawSocket)
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
DIALLING_MAX = 256
AGAIN_S = 0.25
"""A client that is refused, or cut while it dials, tries again after so long, +/- 20 %: the wire's rhythm ..."""
AGAIN_FOR_S = 3.0
"""... for so long; then it backs off, by full jitter."""
BACKOFF_S, BACKOFF_MOST_S = 0.5, 30.0
TRIES_MAX = 60
GAP_MOST_S = 1.0
"""A neighbour that hears nothing for longer would dial again, and so has lost something."""


def address(number: int) -> str:
    """Return where the client of that number dials from."""
    return ADDRESSES[number % len(ADDRESSES)]


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile, 0 of no samples."""
    ranked = sorted(samples)
    return ranked[max(0, ceil(len(ranked) * percent / 100) - 1)] if ranked else 0.0


async def join_all(make: Callable[[int], S], count: int, *, per_s: float = 500.0, within_s: float = 10.0) -> list[S]:
    """Make `count` clients and let them join, at most so many per second; return all, live or not."""
    clients = [make(number) for number in range(count)]
    gate = asyncio.Semaphore(DIALLING_MAX)
    began = monotonic()

    async def join(client: S) -> None:
        async with gate:
            await client.join(within_s)

    async with asyncio.TaskGroup() as group:
        for number, client in enumerate(clients):
            await asyncio.sleep(max(0.0, began + number / per_s - monotonic()))
            group.create_task(join(client))
    return clients


async def leave_all(clients: Sequence[RawSocket], within_s: float = 5.0) -> None:
    """Close all in order; cut those that are still there after `within_s`."""
    for client in clients:
        client.leave()
    until = monotonic() + within_s
    while any(client.live for client in clients) and monotonic() < until:
        await asyncio.sleep(POLL_S)
    for client in clients:
        if client.live:
            client.cut()


@dataclass(frozen=True, slots=True)
class Heard:
    """What some clients heard in a window: their mean rate, and the longest silence of any. *Units*: Hz, seconds."""

    state_hz: float = 0.0
    gap_s: float = 0.0


class Window:
    """A span of time in which the states of some clients, made at `rate_hz`, are counted; one at a time of a client.

    Each client's span begins with its last state before the window, so that this edge shortens none, and ends with the
    window, less one interval at most: one that has fallen silent gains nothing by it.
    """

    def __init__(self, clients: Sequence[Idler], rate_hz: float, began_s: float | None = None) -> None:
        self._interval_s = 1 / rate_hz
        self._began_s = monotonic() if began_s is None else began_s
        self._before = [(each, each.states, each.state_s if each.states else self._began_s) for each in clients]
        for each in clients:
            each.gap_max_s = 0.0

    def close(self, ended_s: float | None = None) -> Heard:
        """Return what was heard until now."""
        end_s = monotonic() if ended_s is None else ended_s
        rates, gap_s = [0.0], 0.0
        for client, states, from_s in self._before:
            last_s = max(client.state_s, from_s)
            span_s = max(last_s, end_s - self._interval_s) - from_s
            rates.append((client.states - states) / max(1e-9, span_s))
            gap_s = max(gap_s, client.gap_max_s, end_s - last_s)
        return Heard(sum(rates) / max(1, len(self._before)), gap_s)


@dataclass(slots=True)
class Returned:
    """How clients came back that were all cut at once. *Units*: seconds from the cut to each WELCOME, and state.

    Only one whose first state came is back; `never` counts all others that did not lose their seats.
    """

    count: int
    welcomed_s: list[float] = field(default_factory=list)
    stated_s: list[float] = field(default_factory=list)
    socket_to_state_s: list[float] = field(default_factory=list)
    seats_lost: int = 0
    never: int = 0
    by_delta: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def delta_share(self) -> float:
        """How many of those that returned went on from a delta."""
        return self.by_delta / max(1, len(self.stated_s))


async def cut_all(clients: Sequence[Idler], *, within_s: float, seed: int = 1) -> tuple[Returned, list[Idler]]:
    """Cut all at once, let each return with its resume token, and return how they fared, and the new clients."""
    result = Returned(len(clients))
    rng = Random(seed)
    held = [client for client in clients if client.live]
    result.never = len(clients) - len(held)
    cut_s = monotonic()
    for client in held:
        client.cut()
    tasks = [asyncio.ensure_future(_return(client, cut_s, within_s, Random(rng.random()), result)) for client in held]
    back = await asyncio.gather(*tasks)
    return result, [client for client in back if client is not None]


async def _return(old: Idler, cut_s: float, within_s: float, rng: Random, result: Returned) -> Idler | None:
    assert old.welcome is not None, "it was live"
    hello = Hello(0, old.welcome.epoch, old.last_tick, -1, 0, old.last_event)
    backoffs = 0
    for attempt in range(old.request.attempt + 1, old.request.attempt + TRIES_MAX):
        left_s = cut_s + within_s - monotonic()
        if left_s <= 0:
            break
        request = Request(old.request.url, old.welcome.resume_token, attempt)
        client = Idler(request, hello=hello, address=old.address)
        if await client.join(min(5.0, left_s)):
            return await _note(client, old, cut_s, left_s, result)
        result.refused[client.failure] += 1
        if client.status in (401, 403, 409) or client.close_code == SEAT_GONE:
            result.seats_lost += 1
            return None
        client.cut()
        backoffs += monotonic() - cut_s > AGAIN_FOR_S
        await asyncio.sleep(_pause_s(client.retry_after_s, backoffs, rng))
    result.never += 1
    return None


def _pause_s(retry_after_s: float, backoffs: int, rng: Random) -> float:
    if retry_after_s:
        # What a server asks for is the least; all at the same moment would be the next storm.
        return retry_after_s * rng.uniform(1.0, 2.0)
    if not backoffs:
        return AGAIN_S * rng.uniform(0.8, 1.2)
    return rng.uniform(0.0, min(BACKOFF_MOST_S, BACKOFF_S * 2.0**backoffs))


async def _note(client: Idler, old: Idler, cut_s: float, left_s: float, result: Returned) -> Idler:
    assert client.welcome is not None and old.welcome is not None, "both were live"
    result.welcomed_s.append(client.welcomed_s - cut_s)
    result.seats_lost += (client.welcome.seat, client.welcome.epoch) != (old.welcome.seat, old.welcome.epoch)
    if await client.wait_state(left_s):
        result.stated_s.append(client.first_state_s - cut_s)
        result.socket_to_state_s.append(client.first_state_s - client.dialled_s)
        result.by_delta += not client.keyframes
    else:
        result.never += 1
    return client
