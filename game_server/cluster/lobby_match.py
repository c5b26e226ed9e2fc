"""The names of matches that players make: an id that a request determines, a code that people can read to each other.

To test: `tests/game_server/cluster/test_lobby_match.py`.
"""

import hashlib
import random

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.party import CODE_LENGTH, CODE_SIGNS, new_code
from protocol.lobby_messages import RefusedCode


def match_id(player: str, request: str, attempt: int = 0) -> str:
    """Return the id of the match that a player's request makes, whichever node answers it, however often it is sent."""
    told = f"{player}\n{request}" + (f"\n{attempt}" if attempt else "")
    return f"m-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def match_code(secret: str, attempt: int = 0) -> str:
    """Return the code that a secret text determines: a repeat has the same one, and a stranger cannot compute it."""
    digest = hashlib.sha256(f"{secret}\n{attempt}".encode()).digest()
    return new_code(random.Random(int.from_bytes(digest)))


def read_match_code(text: str) -> str:
    """Return a code as somebody typed it in the one way in which it is known. Raises `LobbyRefused` no_match."""
    code = text.upper().translate(str.maketrans("", "", " -"))
    if len(code) != CODE_LENGTH or not set(code) <= set(CODE_SIGNS):
        raise LobbyRefused(RefusedCode.NO_MATCH, f"a match's code has {CODE_LENGTH} of {CODE_SIGNS}")
    return code
