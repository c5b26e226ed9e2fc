"""Other nodes, as a test has them: a cluster that says what it is told to say."""

import asyncio
from dataclasses import dataclass, field

from game_server.cluster.errors import DirectoryUnavailable
from game_server.shell.authenticators import Refused


@dataclass
class FakeCluster:
    """Knows the urls of some matches; answers after `answer_after`, if that is set to an event."""

    available: bool = True
    frozen: bool = False
    freezes: bool = True
    urls: dict[str, str] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    answer_after: asyncio.Event | None = None

    def is_private(self, match: str) -> bool:
        """Tell whether a match is private."""
        return match in self.private

    async def where(self, match: str) -> str:
        """Return the url of a match."""
        self.asked.append(match)
        if self.answer_after is not None:
            await self.answer_after.wait()
        if not self.available:
            raise DirectoryUnavailable("it was pulled out", 2)
        if match not in self.urls:
            raise Refused(404, "there is no such match", reason="no_match")
        return self.urls[match]
