"""Who is at the other end of a socket that a proxy opened for them.

To test: `tests/game_server/shell/test_forwarded.py`.
"""

import re
from collections.abc import Sequence

from game_server.session.addresses import Networks, parse_address

# A chain of proxies has a few links; what stands further left nobody needs to read.
HOPS_MAX = 32


# Some proxies add the port: 192.0.2.7:567, [2001:db8::1]:567. Without one the brackets may stand as well.
WITH_PORT = re.compile(r"(?:(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?)", re.ASCII)


def client_ip(peer: str, forwarded_for: Sequence[str], trusted: Networks) -> str | None:
    """Return who is at the other end, given the lines of X-Forwarded-For that came with the request.

    Every proxy adds the address that it sees at the right end, so the rightmost one that is no proxy of ours is the
    last one that somebody we trust has seen; whatever stands left of it the client may have written itself. None when
    a proxy of ours says nothing, or nothing that can be read: whose limits hold is not known then.
    """
    if peer not in trusted:
        return peer
    hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
    found = None
    for hop in reversed(hops[-HOPS_MAX:]):
        address = parse_address(_without_port(hop))
        if address is None:
            # Not what our proxy would write: believe none of it.
            return None
        found = str(address)
        if found not in trusted:
            return found
    return found


def _without_port(hop: str) -> str:
    match = WITH_PORT.fullmatch(hop)
    return hop if match is None else match["v4"] or match["v6"]
