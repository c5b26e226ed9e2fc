"""What an HTTP request asks for: a match, /healthz, or nothing that is here; and under which name.

To test: `tests/game_server/shell/test_requests.py`.
"""

from urllib.parse import unquote

from websockets.http11 import Request

from game_server.shell.match_runner import MatchRunner
from game_server.shell.ops_http import health, json_response, sentence_response

MATCH_PATH = "/v1/match/"
NAME_PREFIX = "tickwire.name."
NAME_LENGTH_MAX = 32
NAME_UNTOLD = "Guest"


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, sentence: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence, self.retry_after_s = status, sentence, retry_after_s

    def response(self) -> bytes:
        """Return the answer."""
        return sentence_response(self.status, self.sentence, retry_after_s=self.retry_after_s)


def route(request: Request, runner: MatchRunner) -> bytes | str:
    """Return a whole answer, or the id of the match whose door was knocked at. Raises `Refused`."""
    path = request.path.partition("?")[0]
    if path == "/healthz":
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, f"{request.method} does nothing here; GET /healthz")
        return json_response(503 if runner.stopping else 200, health(runner), head=request.method == "HEAD")
    if not path.startswith(MATCH_PATH):
        raise Refused(404, f"nothing is at {path[:100]}; a match is at {MATCH_PATH}<id>, the node's state at /healthz")
    if runner.stopping:
        raise Refused(503, "this node is stopping", retry_after_s=1)
    match_id = unquote(path.removeprefix(MATCH_PATH))
    hosted = runner.hosted.get(match_id)
    if hosted is None:
        known = ", ".join(list(runner.hosted)[:10]) + (", ..." if len(runner.hosted) > 10 else "")
        raise Refused(404, f"there is no match {match_id[:64]!r} here; there are {known}")
    if hosted.match.ended:
        raise Refused(404, f"match {match_id!r} is over")
    return match_id


def player_name(request: Request) -> str:
    """Return the name that the request brings, unproven: this is the development authenticator. Raises `Refused`."""
    told = _bearer(request)
    if told is None:
        told = _from_subprotocol(request)
    if told is None:
        return NAME_UNTOLD
    try:
        name = unquote(told, errors="strict")
    except UnicodeDecodeError:
        raise Refused(400, "the player's name must be UTF-8, percent-encoded") from None
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable() or not name.strip():
        raise Refused(400, f"a player's name has 1 to {NAME_LENGTH_MAX} printable characters, percent-encoded")
    return name


def _bearer(request: Request) -> str | None:
    headers = request.headers.get_all("Authorization")
    if not headers:
        return None
    scheme, _, told = headers[0].partition(" ")
    if len(headers) > 1 or scheme.lower() != "bearer":
        raise Refused(400, "Authorization must be one header, `Bearer <player's name, percent-encoded>`")
    return told.strip()


def _from_subprotocol(request: Request) -> str | None:
    # A browser cannot set headers on a WebSocket; what it can choose are subprotocols, and one is never selected.
    offered = [each.strip() for line in request.headers.get_all("Sec-WebSocket-Protocol") for each in line.split(",")]
    names = [each.removeprefix(NAME_PREFIX) for each in offered if each.startswith(NAME_PREFIX)]
    return names[0] if names else None
