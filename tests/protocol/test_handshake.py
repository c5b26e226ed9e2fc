"""The names by which an upgrade request carries what it carries."""

from websockets.headers import parse_subprotocol

from protocol import handshake
from protocol.messages import SUBPROTOCOL


def test_what_a_browser_may_offer_is_a_list_of_legal_subprotocols() -> None:
    bearer = handshake.BEARER_ENTRY + handshake.RESUME_PREFIX + "AbC-_.9%20"
    offered = [SUBPROTOCOL, bearer, f"{handshake.ATTEMPT_ENTRY}7"]
    assert parse_subprotocol(", ".join(offered)) == offered


def test_no_credential_can_be_taken_for_another_kind() -> None:
    assert not handshake.RESUME_PREFIX.startswith(handshake.TICKET_PREFIX)
    assert not handshake.TICKET_PREFIX.startswith(handshake.RESUME_PREFIX)
