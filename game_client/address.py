"""Where a match is dialled: where the caller said, until MOVED says otherwise; and the road back from there.

| after | the next dial goes |
|---|---|
| MOVED | to its url at once; with its ticket if there is one, else as whoever the last dial was |
| a 5th MOVED in a row, no state between them | to its url too, but with backoff: two nodes that name each other |
| every 4th dial in a row that fails at a url of MOVED | to the caller's own url: any node knows where a match is |

To test: `tests/game_client/test_address.py`.
"""

from urllib.parse import urlsplit

from protocol.errors import PeerFault

HOPS_MAX = 4
"""Moves followed at once before a state came; a match that is handed over twice while a client comes back needs two."""
TRIES_THERE = 3
"""Dials that fail at the url of a MOVED before one goes to the caller's own."""


def resolve(url: str, dialled: str) -> str:
    """Return a url as a server told it, whole: a path is one on the host that was dialled. *Raises* `PeerFault`.

    From wss:// nobody is sent to ws://: the credential would travel in plain text.
    """
    here = urlsplit(dialled)
    if url.startswith("/"):
        return f"{here.scheme}://{here.netloc}{url}"
    scheme = urlsplit(url).scheme
    if scheme not in ("ws", "wss"):
        raise PeerFault(f"{url!r} is neither a path nor a ws:// or wss:// url")
    if here.scheme == "wss" and scheme == "ws":
        raise PeerFault(f"{url!r} leaves the encrypted connection")
    return url


class Address:
    """`url` is where to dial now; `ticket` what to bring, if MOVED said so; `moved` is True for one dial after it."""

    def __init__(self, url: str) -> None:
        self.url = self._own = self._there = url
        self.ticket = ""
        self.moved = False
        self._hops = self._failures = 0

    def begin(self, url: str) -> None:
        """Let the match be elsewhere from now on: the caller was told so, by a lobby."""
        self.url = self._own = self._there = url
        self.ticket, self._failures = "", 0

    def move(self, url: str, ticket: str) -> None:
        """Take what MOVED says. *Raises* `PeerFault`."""
        self.url = self._there = resolve(url, self.url)
        self.ticket, self.moved, self._failures = ticket, True, 0
        self._hops += 1

    @property
    def follows_at_once(self) -> bool:
        """Whether the last MOVED is followed without a wait."""
        return self._hops <= HOPS_MAX

    def dialled(self) -> bool:
        """Take note of a dial; tell whether it is the first after a MOVED."""
        moved, self.moved = self.moved, False
        return moved

    def failed(self) -> None:
        """Take note of a dial that failed."""
        self._failures += 1
        home = self._failures % (TRIES_THERE + 1) == TRIES_THERE
        self.url = self._own if home else self._there

    def welcomed(self) -> None:
        """Take note of a WELCOME: a ticket is used then."""
        self.ticket = ""

    def live(self) -> None:
        """Take note of a state."""
        self._hops = self._failures = 0
