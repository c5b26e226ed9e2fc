"""What an HTTP request asks for: the lobby, a match, /healthz, /readyz, or nothing; and what an upgrade brings along.

Everything is read strictly: a path stands as it is, a query is one that we know, and what is said twice is said alike.
To test: `tests/game_server/shell/test_requests.py`.
"""

import re
from dataclasses import dataclass

from websockets.datastructures import Headers
from websockets.http11 import Request

from game_server.shell.authenticators import Refused
from game_server.shell.match_runner import MatchRunner
from game_server.shell.ops_http import ClusterState, health, json_response, sentence_response, unready
from protocol.handshake import (
    ATTEMPT_ENTRY,
    ATTEMPT_HEADER,
    ATTEMPT_MAX,
    BEARER_ENTRY,
    CREDENTIAL_LENGTH_MAX,
    LOBBY_PATH,
    MATCH_PATH,
    NODE_PATH,
    SPECTATOR_QUERY,
)  # fmt: skip

HEALTH_PATH = "/healthz"
READY_PATH = "/readyz"
NODE_MATCH = re.compile(rf"^{NODE_PATH}[a-z0-9-]{{1,24}}{MATCH_PATH}", re.ASCII)
"""A gateway routes by the node's name; who hosts the match decides, whatever name is in the path."""
MATCH_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
STOPPING = "this node is stopping"
HEAD_BYTES_MAX = 8 * 1024
HEADERS_MAX = 64
LINE_BYTES_MAX = 4096 + 1024
MATCHES_NAMED_MAX = 10
ATTEMPT = re.compile(r"[0-9]{1,10}", re.ASCII)
HEALTH_REQUEST = re.compile(rb"(?:GET|HEAD) /healthz HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an upgrade request wants: into which match ("" is the lobby), by which credential, as what. Is it here?"""

    match: str
    credential: str | None
    attempt: int
    spectator: bool
    is_here: bool = True


def refusal(refused: Refused) -> bytes:
    """Return the whole HTTP answer of a refusal."""
    return sentence_response(
        refused.status, refused.sentence, reason=refused.reason, retry_after_s=refused.retry_after_s
    )


def check_head(head: bytes | bytearray) -> None:
    """Check a request's head, or as much of it as there is, before it is parsed. Raises `Refused`."""
    if len(head) > HEAD_BYTES_MAX:
        raise Refused(431, f"a request's head may have {HEAD_BYTES_MAX} bytes", reason="head")
    lines = bytes(head).split(b"\n")
    if len(lines) > HEADERS_MAX + 3:  # the request line before, the empty line and what follows it
        raise Refused(431, f"a request may have {HEADERS_MAX} headers", reason="head")
    if any(len(line) > LINE_BYTES_MAX for line in lines):
        raise Refused(431, f"a line of a request's head may have {LINE_BYTES_MAX} bytes", reason="head")


def asks_for_health(head: bytes | bytearray) -> bool:
    """Tell, without parsing it, whether a head asks for /healthz."""
    return HEALTH_REQUEST.match(head) is not None


def route(
    request: Request, runner: MatchRunner, cluster: ClusterState | None = None, *, has_lobby: bool = False
) -> bytes | Wish:
    """Return a whole answer, or what an upgrade wants. Raises `Refused`.

    A match that is not here may be on another node of the `cluster`, if there is one.
    """
    path, _, query = request.path.partition("?")
    if path in (HEALTH_PATH, READY_PATH):
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, f"{request.method[:20]} does nothing here; GET {path}", reason="method")
        answer = health_response if path == HEALTH_PATH else ready_response
        return answer(runner, cluster, head=request.method == "HEAD")
    path = NODE_MATCH.sub(MATCH_PATH, path)
    wants_lobby = has_lobby and path == LOBBY_PATH
    if not wants_lobby and not path.startswith(MATCH_PATH):
        raise Refused(
            404,
            f"nothing is at {path[:100]}; a match is at {MATCH_PATH}<id>, the lobby at {LOBBY_PATH}, "
            f"the node's state at {HEALTH_PATH}",
            reason="path",
        )  # fmt: skip
    if request.method != "GET":
        raise Refused(405, f"{request.method[:20]} does nothing here; a match is joined by GET", reason="method")
    if wants_lobby:
        return _lobby_wish(request, query, runner)
    match_id = path.removeprefix(MATCH_PATH)
    is_here = match_id in runner.hosted
    if is_here or cluster is None or MATCH_ID.fullmatch(match_id) is None:
        check_match(match_id, runner)
    elif runner.stopping:
        raise Refused(503, STOPPING, retry_after_s=1, reason="stopping")
    return Wish(match_id, _credential(request.headers), _attempt(request.headers), _is_spectator(query), is_here)


def health_response(runner: MatchRunner, cluster: ClusterState | None = None, *, head: bool = False) -> bytes:
    """Return the whole answer of /healthz."""
    return json_response(503 if runner.stopping else 200, health(runner, cluster), head=head)


def ready_response(runner: MatchRunner, cluster: ClusterState | None = None, *, head: bool = False) -> bytes:
    """Return the whole answer of /readyz: whether this node is one to send players to."""
    reasons = unready(runner, cluster)
    return json_response(503 if reasons else 200, {"ready": not reasons, "reasons": reasons}, head=head)


def origin(request: Request) -> str | None:
    """Return the Origin of a request, None if it names none. Raises `Refused`."""
    return _only(request.headers, "Origin")


def host(request: Request) -> str | None:
    """Return the Host of a request. Raises `Refused`."""
    return _only(request.headers, "Host")


def check_match(match_id: str, runner: MatchRunner) -> None:
    """Check that a match can be joined now. Raises `Refused`."""
    if runner.stopping:
        raise Refused(503, STOPPING, retry_after_s=1, reason="stopping")
    hosted = runner.hosted.get(match_id)
    if hosted is None:
        known = list(runner.hosted)
        more = ", ..." if len(known) > MATCHES_NAMED_MAX else ""
        there_are = ", ".join(known[:MATCHES_NAMED_MAX]) + more
        raise Refused(404, f"there is no match {match_id[:64]!r} here; there are {there_are}", reason="no_match")
    if hosted.match.ended:
        raise Refused(404, f"match {match_id!r} is over", reason="match_over")


def _lobby_wish(request: Request, query: str, runner: MatchRunner) -> Wish:
    if query:
        raise Refused(400, "the lobby takes no query", reason="query")
    if runner.stopping:
        raise Refused(503, STOPPING, retry_after_s=1, reason="stopping")
    return Wish("", _credential(request.headers), _attempt(request.headers), False)


def _is_spectator(query: str) -> bool:
    if query not in ("", SPECTATOR_QUERY):
        # Also so that a credential in the URL, which every proxy logs, is noticed on the first day.
        raise Refused(400, f"the query of a match may be {SPECTATOR_QUERY}, nothing else", reason="query")
    return query == SPECTATOR_QUERY


def _credential(headers: Headers) -> str | None:
    told = _only(headers, "Authorization")
    bearer = None
    if told is not None:
        scheme, _, bearer = told.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused(400, "Authorization must be `Bearer <credential>`", reason="credential")
    credential = _agreed("a credential", "credential", bearer and bearer.strip(), _entry(headers, BEARER_ENTRY))
    if credential is not None and len(credential) > CREDENTIAL_LENGTH_MAX:
        raise Refused(400, f"a credential may have {CREDENTIAL_LENGTH_MAX} characters", reason="credential")
    return credential


def _attempt(headers: Headers) -> int:
    told = _agreed("an attempt", "attempt", _only(headers, ATTEMPT_HEADER), _entry(headers, ATTEMPT_ENTRY))
    if told is None:
        return 0
    if ATTEMPT.fullmatch(told) is None or int(told) > ATTEMPT_MAX:
        raise Refused(400, f"an attempt is a number from 0 to {ATTEMPT_MAX}", reason="attempt")
    return int(told)


def _agreed(what: str, reason: str, header: str | None, entry: str | None) -> str | None:
    if header is not None and entry is not None and header != entry:
        raise Refused(400, f"{what} came as a header and as a subprotocol, and they differ", reason=reason)
    return entry if header is None else header


def _only(headers: Headers, name: str) -> str | None:
    values = headers.get_all(name)
    if len(values) > 1:
        raise Refused(400, f"{name} must come once", reason="header")
    return values[0] if values else None


def _entry(headers: Headers, prefix: str) -> str | None:
    # A browser cannot set headers on a WebSocket; what it can choose are subprotocols, and one is never selected.
    offered = [each.strip() for line in headers.get_all("Sec-WebSocket-Protocol") for each in line.split(",")]
    found = {each.removeprefix(prefix) for each in offered if each.startswith(prefix)}
    if len(found) > 1:
        raise Refused(400, f"the subprotocol {prefix} must come once", reason="header")
    return found.pop() if found else None
