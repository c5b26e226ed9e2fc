"""What a Redis did between two readings: commands, processor time, memory; by its own INFO.

To test: `tests/bench/test_redis_meter.py`.
"""

from dataclasses import dataclass
from time import monotonic
from typing import Any

from game_server.shell.redis_link import RedisLink


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters since Redis' start. *Units*: seconds of processor time and of a monotonic clock, bytes."""

    at_s: float
    commands: int
    cpu_s: float
    memory_bytes: int
    keys: int

    def since(self, before: "Reading") -> "Spent":
        """Return what was spent between `before` and this one."""
        return Spent(self.at_s - before.at_s, self.commands - before.commands, self.cpu_s - before.cpu_s)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a span of time cost Redis."""

    seconds: float
    commands: int
    cpu_s: float

    @property
    def commands_per_s(self) -> float:
        """Commands as clients sent them, and those that scripts called."""
        return self.commands / max(1e-9, self.seconds)

    @property
    def busy(self) -> float:
        """The share of one core that Redis used."""
        return self.cpu_s / max(1e-9, self.seconds)


async def read(link: RedisLink) -> Reading:
    """Return the counters as they are now. *Raises* `DirectoryUnavailable`."""
    told = info(await link.call("INFO"))
    keys = sum(int(value.partition("keys=")[2].partition(",")[0]) for name, value in told.items() if name[:2] == "db")
    cpu_s = float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
    return Reading(monotonic(), int(told["total_commands_processed"]), cpu_s, int(told["used_memory"]), keys)


def info(answer: Any) -> dict[str, str]:
    """Return the fields of an INFO, however the client handed it over."""
    if isinstance(answer, dict):
        return {_text(name): _text(value) for name, value in answer.items()}
    lines = [line.partition(":") for line in _text(answer).splitlines() if ":" in line]
    return {name: value for name, _, value in lines}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={each}" for name, each in value.items())
    return value.decode() if isinstance(value, bytes) else str(value)
