"""A lobby's requests that wait for their answer: which are sent when, with the same ids on every socket.

At most eight are under way at a time, which is what a lobby hears of one player; the others wait their turn. One that
was refused for a while goes out again after it, if its patience lasts. One that was cancelled is sent before its CANCEL
on a new socket, so that the lobby there knows what is meant.
To test: `tests/game_client/test_requests.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from game_client.reconnect import MS
from protocol.lobby_messages import Cancel, LobbyMessage, Refused

UNDER_WAY_MAX = 8
JITTER = 0.25
"""Those who were told to come back after the same time come back one after the other."""


@dataclass(slots=True)
class Request:
    """One request. `until_ns` is how long it is tried again, `retry_ns` when, if it waits for that."""

    message: LobbyMessage
    until_ns: int
    sent: bool = False
    ever_sent: bool = False
    cancelled: bool = False
    cancel_sent: bool = False
    retry_ns: int | None = None


class Requests:
    """The requests of one lobby session, in the order in which they were asked."""

    def __init__(self, rng: Random, ids: Random) -> None:
        self._rng = rng
        self._ids = ids
        self._requests: dict[str, Request] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, request: str) -> bool:
        return request in self._requests

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._requests))

    @property
    def deadline_ns(self) -> int | None:
        """When the next one is tried again."""
        return min([each.retry_ns for each in self._requests.values() if each.retry_ns is not None], default=None)

    def add(self, make: Callable[[str], Any], until_ns: int) -> str:
        """Take a request, made from its id; return the id. *Raises* what `make` raises."""
        request = f"{self._ids.getrandbits(128):032x}"
        self._requests[request] = Request(make(request), until_ns)
        return request

    def begin_socket(self) -> None:
        """Let everything be sent again: the socket is a new one."""
        for each in self._requests.values():
            each.sent = each.cancel_sent = False

    def due(self, now_ns: int) -> list[LobbyMessage]:
        """Return what is to be sent now, and take it for sent."""
        messages: list[LobbyMessage] = []
        under_way = sum(each.sent for each in self._requests.values())
        for request, each in self._requests.items():
            waits = each.retry_ns is not None and now_ns < each.retry_ns
            if not each.sent and not waits and under_way < UNDER_WAY_MAX:
                under_way += 1
                each.sent = each.ever_sent = True
                each.retry_ns = None
                messages.append(each.message)
            if each.cancelled and each.sent and not each.cancel_sent:
                each.cancel_sent = True
                messages.append(Cancel(request))
        return messages

    def cancel(self, request: str) -> bool:
        """Give a request up; tell whether that was all, since no lobby ever heard of it or it was refused before."""
        each = self._requests.get(request)
        if each is None:
            return False
        each.cancelled = True
        if not each.ever_sent or each.retry_ns is not None:
            del self._requests[request]
            return True
        return False

    def retries(self, refused: Refused, now_ns: int) -> bool:
        """Tell whether a refused request is tried again; it is done with otherwise."""
        each = self._requests.get(refused.request)
        if each is None or each.cancelled or not refused.retry_after_ms:
            return False
        wait_ms = refused.retry_after_ms * (1 + JITTER * self._rng.random())
        retry_ns = now_ns + int(wait_ms * MS)
        if retry_ns > each.until_ns:
            return False
        each.retry_ns, each.sent = retry_ns, False
        return True

    def end(self, request: str) -> bool:
        """Forget a request; tell whether it was one."""
        return self._requests.pop(request, None) is not None
