"""Tiny servers in a thread of their own, and behaviours: for bots that need the main thread's loop, or processes."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from random import Random
from time import monotonic
from typing import Any

from game_client.bot import BotView
from protocol import Chat
from tests.game_client.shell.fake_lobby import FakeLobby
from tests.game_client.shell.tiny_server import Push, TinyServer


class Jumper:
    """Runs about and jumps; says so once."""

    made: list[float] = []

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.said = False
        Jumper.made.append(rng.random())

    def act(self, view: BotView) -> Iterator[Any]:
        yield Push(dx=self.rng.choice((-1, 0, 1)), jump=self.rng.randrange(2))
        if not self.said:
            self.said = True
            yield Chat(text="hop")


class Faller:
    """A behaviour with a bug."""

    def __init__(self, rng: Random) -> None:
        pass

    def act(self, view: BotView) -> list[Any]:
        raise ZeroDivisionError("in a bot")


class OneDies:
    """Ends the process of the first bot that is asked: who made the file that the environment names."""

    end = staticmethod(lambda: os._exit(7))

    def __init__(self, rng: Random) -> None:
        pass

    def act(self, view: BotView) -> list[Any]:
        try:
            os.close(os.open(os.environ["ONE_DIES"], os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return []
        self.end()
        return []


class OneEnds(OneDies):
    """Tells the process of a bot to end, as an operator would, once all have joined and are being measured."""

    end = staticmethod(lambda: os.kill(os.getpid(), signal.SIGTERM))

    def __init__(self, rng: Random) -> None:
        super().__init__(rng)
        self._born_s = monotonic()

    def act(self, view: BotView) -> list[Any]:
        # The window opens a second after the last one has joined, and then stays open for two.
        return super().act(view) if monotonic() - self._born_s > 1.8 else []


class Printer:
    """Prints, as one who looks for a bug in a behaviour would."""

    def __init__(self, rng: Random) -> None:
        pass

    def act(self, view: BotView) -> list[Any]:
        print("What do I see?", flush=True)
        return []


class Served:
    """Tiny servers in a thread of their own, and a lobby before them: `run` needs the main thread's loop for itself."""

    def __init__(self, count: int = 1, seats_max: int = 8, **options: Any) -> None:
        self.count, self.seats_max, self.options = count, seats_max, options
        self.lobby: FakeLobby
        self.urls: list[str] = []
        self.servers: list[TinyServer] = []
        self._up, self._down = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        import asyncio
        from contextlib import AsyncExitStack

        async def serve() -> None:
            async with AsyncExitStack() as stack:
                for _ in range(self.count):
                    self.servers.append(await stack.enter_async_context(TinyServer(**self.options)))
                self.urls = [server.url for server in self.servers]
                matches = {f"m-{place}": url for place, url in enumerate(self.urls)}
                self.lobby = await stack.enter_async_context(FakeLobby(matches, seats_max=self.seats_max))
                self.lobby_url = self.lobby.url
                self._up.set()
                while not self._down.is_set():
                    await asyncio.sleep(0.02)

        asyncio.run(serve())

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._up.wait(30)
        return self

    def __exit__(self, *error: object) -> None:
        self._down.set()
        self._thread.join()
