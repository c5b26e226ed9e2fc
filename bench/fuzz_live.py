"""Mutated bytes into the sockets of a real server process: requests, frames before and after HELLO, raw streams.

    with Children() as children:
        fuzz_live(fuzzed_server(children), 5_000, seed=1)

After each mutant a ping is sent. A pong says that the server took the mutant and lives, the end of the stream that it
had enough; silence, that it waits for the rest of a frame. Beside it all a neighbour plays, who must notice nothing.
To test: `tests/bench/test_fuzz_live.py`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

import psutil  # type: ignore[import-untyped]

from bench.fuzz import FuzzResult
from bench.fuzz_samples import HELLO, samples_of
from bench.leak import STANDS_BYTES_PER_UNIT, STRETCHES_MAX, Memory
from bench.mutate import Mutator
from bench.mutate_wire import BINARY, CLOSE, PING, PONG, PartsOfFrame, WireMutator, head_bytes, head_of
from bench.serving import serve
from demo_client.children import Children, ServerChild
from demo_game.arena import Arena
from game_server.sim.match import Match
from protocol.codec import decode, encode
from protocol.errors import PeerFault
from protocol.messages import Ack, Keyframe, State, Welcome
from protocol.rows import Direction

WORKERS = 16
MATCHES = 8
WARM_UP_FRAMES = 40_000
"""After so many a server's memory mostly stands: its matches remember 12 s, each kind of failure has happened."""
SAMPLES = 60
ANSWER_S = 0.05
"""How long silence must last to mean that the server waits for more."""
STEP_S = 5.0
"""What honest bytes are answered within, however busy the machine."""
FRAMES_PER_SOCKET_MAX = 20
SENTINEL = b"still there?"
LEAVE = PartsOfFrame(CLOSE, (1000).to_bytes(2, "big")).encoded()


def fuzzed_server(children: Children) -> ServerChild:
    """Start a server of several Arenas, in which a seat waits but a moment for who was cut off."""
    return serve(children, "demo_game.arena:Arena", matches=MATCHES, grace_seconds=1)


def fuzz_live(server: ServerChild, frames: int, seed: int, warm_up: int = WARM_UP_FRAMES) -> FuzzResult:
    """Send `frames` mutants to `server`; watch its process, its log, its memory and a neighbour's game.

    Memory is watched over `frames` after the warm-up; if it still grows, again, at most three times, and the flattest
    counts: an allocator that settles comes to rest, a leak never does. Whatever is found counts from the first frame.
    """
    result = FuzzResult()
    asyncio.run(_LiveFuzz(server, warm_up, frames, Random(seed), result).run())
    result.exits = 0 if server.alive else 1
    for line in complaints(server.log()):
        result.unhandled += 1
        result.find(f"log: {line}")
    return result


def complaints(log: str) -> list[str]:
    """Return the lines of a server's log that no peer may cause: errors, and whatever is not the log's own format."""
    found = []
    for line in log.splitlines():
        try:
            level = json.loads(line)["level"]
        except (ValueError, KeyError, TypeError):
            level = "none"
        if level not in ("debug", "info", "warning"):
            found.append(line)
    return found


class Line:
    """A socket of ours, read only as far as we want to know what became of a mutant."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._read = bytearray()

    @classmethod
    async def open(cls, host: str, port: int) -> "Line":
        """Connect. Raises `OSError`."""
        return cls(*await asyncio.open_connection(host, port))

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)

    async def until(self, mark: bytes, within_s: float = STEP_S) -> bytes | None:
        """Return what came up to `mark`; None once the stream has ended, or when `mark` did not come in time."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(within_s):
                while (at := self._read.find(mark)) < 0:
                    more = await self._reader.read(65_536)
                    if not more:
                        return None
                    self._read += more
                came = bytes(self._read[: at + len(mark)])
                del self._read[: at + len(mark)]
                return came
        return None

    async def frame(self, within_s: float = STEP_S) -> bytes | None:
        """Return the next binary frame, answer pings; None once the stream has ended or was silent so long."""
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(within_s):
                while True:
                    opcode, payload = await self._next()
                    if opcode == BINARY:
                        return payload
                    if opcode == CLOSE:
                        return None
                    if opcode == PING:
                        self.write(PartsOfFrame(PONG, payload).encoded())
        return None

    async def answers_ping(self) -> bool:
        """Tell whether the server goes on with this socket: not if it closes, and not if it waits for more bytes."""
        self.write(PartsOfFrame(PING, SENTINEL).encoded())
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(ANSWER_S):
                while (frame := await self._next())[0] != CLOSE:
                    if frame == (PONG, SENTINEL):
                        return True
        return False

    async def _next(self) -> tuple[int, bytes]:
        head = await self._exactly(2)
        length = head[1] & 0x7F
        if length > 125:
            length = int.from_bytes(await self._exactly(2 if length == 126 else 8), "big")
        return head[0] & 0x0F, await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        kept = bytes(self._read[:count])
        del self._read[:count]
        return kept + await self._reader.readexactly(count - len(kept))

    async def rest(self, within_s: float = ANSWER_S) -> bytes:
        """Return what comes until the stream ends, or until `within_s`."""
        await self.until(b"\x00no such bytes\x00", within_s)
        return bytes(self._read)

    async def upgrade(self, path: str, name: str) -> bool:
        """Become a WebSocket; tell whether the server agreed."""
        self.write(head_bytes(*head_of(path, credential=name)))
        answer = await self.until(b"\r\n\r\n")
        return answer is not None and answer.startswith(b"HTTP/1.1 101")

    def cut(self) -> None:
        """End it without a word."""
        self._writer.transport.abort()


class _LiveFuzz:
    """One run: workers that take turns at phases, and a neighbour."""

    def __init__(self, server: ServerChild, warm_up: int, frames: int, rng: Random, result: FuzzResult) -> None:
        self._server = server
        self._warm_up, self._frames = warm_up, frames
        self._every = max(1, frames // SAMPLES)
        self._rng = rng
        self._result = result
        host, _, port = server.address.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        self._memory = Memory(server.process.pid)
        samples = samples_of(Match(Arena(), "1").vocabulary)
        self._mutator = Mutator(Random(rng.getrandbits(64)), Direction.TO_SERVER, samples)
        self._wire = WireMutator(Random(rng.getrandbits(64)), self._mutator.frame)
        self._phases: dict[str, Callable[[], Awaitable[None]]] = {
            "request": self._request, "before HELLO": self._before_hello,
            "after HELLO": self._after_hello, "raw": self._raw,
        }  # fmt: skip

    async def run(self) -> None:
        """Send all mutants."""
        playing = asyncio.create_task(self._neighbour())
        await self._send(self._warm_up)
        self._result.rss_bytes_per_frame = await self._flattest_stretch()
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing
        await asyncio.sleep(0)  # What was cut is closed in the next turn of the loop.

    async def _flattest_stretch(self) -> float:
        flattest = float("inf")
        for _ in range(STRETCHES_MAX):
            if flattest > STANDS_BYTES_PER_UNIT and self._server.alive:
                self._memory = Memory(self._server.process.pid)
                await self._send(self._frames)
                flattest = min(flattest, self._memory.bytes_per_unit())
        return flattest

    async def _send(self, frames: int) -> None:
        until = self._result.frames + frames
        await asyncio.gather(*(self._work(until) for _ in range(WORKERS)))

    async def _work(self, until: int) -> None:
        while self._result.frames < until and self._server.alive:
            # A refused dial is the server's right (limits, a full match) and the end of nothing.
            with suppress(OSError):
                await self._phases[self._behind()]()

    def _behind(self) -> str:
        """Return the phase that had the fewest mutants, so that each gets as many, whatever a socket survives."""
        return min(self._phases, key=lambda name: self._result.phases[name])

    def _count(self, phase: str) -> None:
        result = self._result
        result.frames += 1
        result.phases[phase] += 1
        if result.frames % self._every == 0:
            with suppress(psutil.Error):
                self._memory.sample(result.frames)

    def _path(self) -> str:
        return f"/v1/match/{self._rng.randint(2, MATCHES)}"

    async def _request(self) -> None:
        line = await Line.open(self._host, self._port)
        line.write(self._wire.request(self._path()))
        answer = await line.rest()
        self._count("request")
        self._result.phases[f"answer {answer[9:12].decode(errors='replace') or 'none'}"] += 1
        line.cut()

    async def _before_hello(self) -> None:
        line = await self._upgraded()
        if line is not None:
            await self._throw(line, "before HELLO", lambda: [self._masked(self._mutator.frame())])

    async def _after_hello(self) -> None:
        line = await self._joined()
        if line is not None:
            await self._throw(line, "after HELLO", lambda: [self._masked(self._mutator.frame())])

    async def _raw(self) -> None:
        line = await (self._upgraded() if self._rng.random() < 0.5 else self._joined())
        if line is not None:
            await self._throw(line, "raw", self._wire.frames)

    async def _upgraded(self) -> Line | None:
        line = await Line.open(self._host, self._port)
        if await line.upgrade(self._path(), "Mallory"):
            return line
        self._result.phases["refused"] += 1
        line.cut()
        await asyncio.sleep(ANSWER_S)
        return None

    async def _joined(self) -> Line | None:
        line = await self._upgraded()
        if line is None:
            return None
        line.write(self._masked(encode(HELLO)))
        answer = await line.frame()
        if answer is not None and isinstance(decode(answer, Direction.TO_CLIENT), Welcome):
            return line
        self._result.phases["not seated"] += 1
        line.cut()
        return None

    async def _throw(self, line: Line, phase: str, mutants: Callable[[], list[bytes]]) -> None:
        """Send mutants, each followed by a ping, until the server has had enough."""
        for _ in range(self._rng.randint(1, FRAMES_PER_SOCKET_MAX)):
            for each in mutants():
                line.write(each)
                self._count(phase)
            if not await line.answers_ping():
                break
        else:
            line.write(LEAVE)
            await line.rest()
        line.cut()

    def _masked(self, payload: bytes) -> bytes:
        return PartsOfFrame(BINARY, payload, mask=self._rng.randbytes(4)).encoded()

    async def _neighbour(self) -> None:
        """Play in match 1, which no mutant is sent to, and in which every tick must come all the same."""
        lost = "the neighbour could not join"
        try:
            line = await Line.open(self._host, self._port)
            try:
                if await line.upgrade("/v1/match/1", "Ada"):
                    line.write(self._masked(encode(HELLO)))
                    await self._follow(line)
                    lost = "the neighbour's socket ended, or was silent"
            finally:
                line.cut()
        except OSError as error:
            lost = f"the neighbour: {error}"
        self._result.escapes += 1
        self._result.find(lost)

    async def _follow(self, line: Line) -> None:
        """Acknowledge states until none comes for `STEP_S`."""
        while (frame := await line.frame()) is not None:
            with suppress(PeerFault):
                message = decode(frame, Direction.TO_CLIENT)
                if isinstance(message, State | Keyframe):
                    line.write(self._masked(encode(Ack(message.tick))))
