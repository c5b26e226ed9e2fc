"""What an HTTP request asks for: a match, /healthz, or nothing that is here; and what an upgrade brings along.

Everything is read strictly: a path stands as it is, a query is one that we know, and what is said twice is said alike.
To test: `tests/game_server/shell/test_requests.py`.
"""

import re
from dataclasses import dataclass

from websockets.datastructures import Headers
from websockets.http11 import Request

from game_server.shell.authenticators import Refused
from game_server.shell.match_runner import MatchRunner
from game_server.shell.ops_http import health, json_response, sentence_response
from protocol.handshake import (
    ATTEMPT_ENTRY,
    ATTEMPT_HEADER,
    ATTEMPT_MAX,
    BEARER_ENTRY,
    CREDENTIAL_LENGTH_MAX,
    SPECTATOR_QUERY,
)  # fmt: skip

MATCH_PATH = "/v1/match/"
HEALTH_PATH = "/healthz"
HEAD_BYTES_MAX = 8 * 1024
HEADERS_MAX = 64
LINE_BYTES_MAX = 4096 + 1024
MATCHES_NAMED_MAX = 10
ATTEMPT = re.compile(r"[0-9]{1,10}", re.ASCII)
HEALTH_REQUEST = re.compile(rb"(?:GET|HEAD) /healthz HTTP/1\.[01]\r\n")


@dataclass(frozen=True, slots=True)
class Wish:
    """What an upgrade request wants: into which match, by which credential, as what."""

    match: str
    credential: str | None
    attempt: int
    spectator: bool


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


def route(request: Request, runner: MatchRunner) -> bytes | Wish:
    """Return a whole answer, or what an upgrade wants. Raises `Refused`."""
    path, _, query = request.path.partition("?")
    if path == HEALTH_PATH:
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, f"{request.method[:20]} does nothing here; GET {HEALTH_PATH}", reason="method")
        return health_response(runner, head=request.method == "HEAD")
    if not path.startswith(MATCH_PATH):
        raise Refused(
            404, f"nothing is at {path[:100]}; a match is at {MATCH_PATH}<id>, the node's state at {HEALTH_PATH}",
            reason="path",
        )  # fmt: skip
    if request.method != "GET":
        raise Refused(405, f"{request.method[:20]} does nothing here; a match is joined by GET", reason="method")
    match_id = path.removeprefix(MATCH_PATH)
    check_match(match_id, runner)
    return Wish(match_id, _credential(request.headers), _attempt(request.headers), _is_spectator(query))


def health_response(runner: MatchRunner, *, head: bool = False) -> bytes:
    """Return the whole answer of /healthz."""
    return json_response(503 if runner.stopping else 200, health(runner), head=head)


def origin(request: Request) -> str | None:
    """Return the Origin of a request, None if it names none. Raises `Refused`."""
    return _only(request.headers, "Origin")


def host(request: Request) -> str | None:
    """Return the Host of a request. Raises `Refused`."""
    return _only(request.headers, "Host")


def check_match(match_id: str, runner: MatchRunner) -> None:
    """Check that a match can be joined now. Raises `Refused`."""
    if runner.stopping:
        raise Refused(503, "this node is stopping", retry_after_s=1, reason="stopping")
    hosted = runner.hosted.get(match_id)
    if hosted is None:
        known = list(runner.hosted)
        more = ", ..." if len(known) > MATCHES_NAMED_MAX else ""
        there_are = ", ".join(known[:MATCHES_NAMED_MAX]) + more
        raise Refused(404, f"there is no match {match_id[:64]!r} here; there are {there_are}", reason="no_match")
    if hosted.match.ended:
        raise Refused(404, f"match {match_id!r} is over", reason="match_over")


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
