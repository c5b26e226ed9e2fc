"""The queue as it stands in Redis: its keys, its scripts, and the sealed values of tickets and answers.

Everything has the tag `{lobby:<game>}`, so that a script can see all of it. `scripts/queue_shared.lua` lists the keys.
To test: `tests/game_server/shell/test_queue_records.py`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from game_server.cluster.queue_ticket import Assigned, QueuedPlayer, QueueTicket
from game_server.shell.redis_link import Script
from game_server.shell.sealed_value import Seals, StrangeValue, rating_fields, ratings_of

_SCRIPTS = Path(__file__).with_name("scripts")
_KEYS = ("tickets", "alive", "players", "members", "answers", "forget", "version", "leader")


@dataclass(frozen=True, slots=True)
class Found:
    """The leader's word on a ticket that waits: so many found; `note` says what is in the way, if it is something."""

    found: int
    wanted: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A ticket was given up."""


Answer = Found | Assigned | Cancelled


def queue_keys(game: str) -> tuple[str, ...]:
    """Return the keys that every script of the queue is given."""
    return tuple(f"tw1:{{lobby:{game}}}:queue:{name}" for name in _KEYS)


def queue_channel(game: str) -> str:
    """Return the channel on which tickets are named that have left the queue."""
    return f"tickwire:queue:{game}"


def script(name: str) -> Script:
    """Load one of our scripts; those of the queue begin with what they share."""
    shared = (_SCRIPTS / "queue_shared.lua").read_text(encoding="utf-8") if name.startswith("queue_") else ""
    return Script(shared + (_SCRIPTS / f"{name}.lua").read_text(encoding="utf-8"))


def sealed_ticket(sealer: Seals, ticket: QueueTicket) -> bytes:
    """Return a ticket as it is stored, without the time: the directory's clock says that."""
    fields: list[Any] = [ticket.request, ticket.schema_hash, len(ticket.players)]
    for each in ticket.players:
        fields += rating_fields(each.player, each.mu, each.sigma)
    for pair in ticket.filters:
        fields += pair
    return sealer.seal("queue ticket", fields, 0)


def opened_ticket(sealer: Seals, request: str, value: bytes) -> QueueTicket:
    """Return a stored ticket. Raises a `TickwireError` for what is none, and for another one's."""
    since_ms, _, sealed = value.partition(b":")
    fields, _ = sealer.open("queue ticket", sealed)
    named, schema_hash, count, *rest = fields
    if named != request or not since_ms.isdigit():
        raise StrangeValue(request)
    waiting = tuple(QueuedPlayer(*each) for each in ratings_of(rest[: 3 * count]))
    pairs = rest[3 * count :]
    filters = tuple(zip(pairs[::2], pairs[1::2], strict=True))
    return QueueTicket(request, waiting, int(since_ms), filters, schema_hash)


def sealed_answer(sealer: Seals, answer: Answer) -> bytes:
    """Return an answer as it is stored."""
    fields: list[Any]
    match answer:
        case Found(found, wanted, note):
            fields = ["found", found, wanted, note]
        case Assigned(match_id):
            fields = ["assigned", match_id]
        case Cancelled():
            fields = ["cancelled"]
    return sealer.seal("queue answer", fields, 0)


def opened_answer(sealer: Seals, sealed: bytes) -> Answer:
    """Return a stored answer. Raises a `TickwireError` for what is none."""
    fields, _ = sealer.open("queue answer", sealed)
    match fields:
        case ["found", found, wanted, note]:
            return Found(found, wanted, note)
        case ["assigned", match_id]:
            return Assigned(match_id)
        case _:
            return Cancelled()
