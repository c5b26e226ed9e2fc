"""What an upgrade request carries besides the path, by which names; both ends use them.

| what | as a header | for browsers, as an entry of Sec-WebSocket-Protocol |
|---|---|---|
| credential | `Authorization: Bearer <credential>` | `tickwire.bearer.<credential>` |
| attempt number | `Tickwire-Attempt: <n>` | `tickwire.attempt.<n>` |
| role | `?role=spectator` in the URL | the same |

A credential is a ticket, a resume token, a JSON Web Token or, on a development server, a percent-encoded name. It never
stands in the URL, which is logged on its way. The attempt number counts this client's dials from 1: of two sockets
with the same resume token the one with the higher number is the newer. A client that comes back must send it: none
counts as 0, and a token that is sent again with a number that is no higher is refused as the older of two. Whoever
never resumes may leave it out. The server selects `tickwire.v1` only.
To test: `tests/protocol/test_handshake.py`.
"""

ATTEMPT_HEADER = "Tickwire-Attempt"
BEARER_ENTRY = "tickwire.bearer."
ATTEMPT_ENTRY = "tickwire.attempt."
ATTEMPT_MAX = 2**31 - 1
CREDENTIAL_LENGTH_MAX = 4096
SPECTATOR_QUERY = "role=spectator"
RESUME_PREFIX = "tickwire-resume-1."
"""How every resume token begins; a client sends back what WELCOME brought and never looks into it."""
TICKET_PREFIX = "tickwire-ticket-1."
"""How every ticket begins."""
GUEST_PREFIX = "tickwire-guest-1."
"""How the credential begins by which a lobby knows a player again who cannot prove who they are."""
LOBBY_PATH = "/v1/lobby"
MATCH_PATH = "/v1/match/"
NODE_PATH = "/n/"
"""`/n/<node>/v1/match/<id>` is a match on the node of that name; a gateway sends it there."""
