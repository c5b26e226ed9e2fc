"""Sessions: what floods, slow handshakes, forged credentials and foreign pages can do, which is nothing.

To test: `tests/bench/test_hostile_clients.py`.
"""

import asyncio
import secrets
from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random
from time import monotonic
from typing import Any

from bench.games import Busy
from bench.raw_clients import Flooder, Idler, SlowHandshake
from bench.raw_groups import GAP_MOST_S, Heard, Window, address, join_all, leave_all, percentile
from bench.raw_socket import RawSocket, Request, run_loop
from bench.report import Report, at_least, at_most, exactly
from bench.serving import log_lines, serve, tell_settings
from demo_client.children import Children
from game_server.session.credentials import NONCE_BYTES, TICKET_LIFETIME_MS, Ticket
from game_server.session.signing import Signer
from game_server.shell.authenticators import Refused, TicketAuthenticator, Upgrade, unix_ms
from protocol.handshake import TICKET_PREFIX

BUSY, QUIET = "bench.games:Busy", "bench.games:Quiet"
FLOOD_PER_S = 50_000
FLOOD_LIVES_MOST_S = 1.0
HANDSHAKES_GONE_S = 6.0
JOIN_P99_MOST_S = 2.0
POLICY = 1008
ORIGINS = (
    "https://evil.example", "http://evil.example", "https://localhost.evil.example", "https://127.0.0.1.evil.example",
    "null", "file://", "https://evil.example:443", "http://127.0.0.1:1", "https://xn--tckwire-cfb.example",
    "http://[::1]:1", "chrome-extension://abcdefghijklmnop", "http://user@127.0.0.1:1",
)  # fmt: skip
"""Pages of others; one whose address only resembles the server's is among them."""
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def flooder(report: Report, seconds: float = 3.0, neighbours: int = 20) -> None:
    """One client sends 50,000 messages per second."""
    tell_settings(report, "flooder", game="Busy", neighbours=neighbours, messages_per_s=FLOOD_PER_S,
                  rate_limit_factor="1, the default")  # fmt: skip
    with Children() as children:
        server = serve(children, BUSY)
        flood, heard, lost = run_loop(_flood(server.url(), seconds, neighbours))
        recorded = len(log_lines(server, code=POLICY))
    report.add("flooder_cut_s", flood.lived_s, "s", at_most(FLOOD_LIVES_MOST_S), n=flood.sent)
    report.add("flooder_recorded_1008", recorded, "log lines", at_least(1), n=flood.sent)
    report.add("flooder_messages_per_s", flood.sent / flood.lived_s, "messages/s", n=flood.sent)
    report.add("flooder_close_code_seen", flood.close_code or 0, "code", n=flood.sent)
    report.add("flooder_neighbours_lost", lost, "clients", exactly(0), n=neighbours)
    share = heard.state_hz / Busy.tick_rate_hz
    report.add("flooder_neighbours_state_hz_share", share, "ratio", at_least(0.98), n=neighbours)
    report.add("flooder_neighbours_state_gap_s", heard.gap_s, "s", at_most(GAP_MOST_S), n=neighbours)


async def _flood(url: str, seconds: float, neighbours: int) -> tuple[Flooder, Heard, int]:
    idlers = await join_all(lambda n: Idler(Request(url, f"neighbour-{n}"), address=address(n)), neighbours)
    flood = Flooder(Request(url, "flood"), FLOOD_PER_S, values=(1,))
    await flood.join()
    began, window = monotonic(), Window(idlers, Busy.tick_rate_hz)
    await flood.flood(seconds)
    await asyncio.sleep(max(0.0, began + seconds - monotonic()))
    heard = window.close()
    lost = sum(not each.live for each in idlers)
    await leave_all(idlers)
    flood.cut()
    return flood, heard, lost


def slow_handshakes(report: Report, slow: int = 2000, honest: int = 500) -> None:
    """Thousands of requests of one byte per second, and others who only want to play."""
    settings: dict[str, Any] = {"unauthenticated_max": 512, "handshake_seconds": 5}
    tell_settings(report, "slow handshakes", slow=slow, honest=honest, **settings)
    with Children() as children:
        server = serve(children, QUIET, **settings)
        lives, joins = run_loop(_shake_slowly(server.url(), slow, honest))
    report.add("slow_handshakes_made", len(lives), "handshakes", exactly(slow), n=slow)
    report.add("slow_handshakes_gone_s", max(lives, default=0.0), "s", at_most(HANDSHAKES_GONE_S), n=slow)
    report.add("honest_joins", len(joins), "joins", exactly(honest), n=honest)
    report.add("honest_join_s_p50", percentile(joins, 50), "s", n=honest)
    report.add("honest_join_s_p99", percentile(joins, 99), "s", at_most(JOIN_P99_MOST_S), n=honest)


async def _shake_slowly(url: str, count: int, honest: int) -> tuple[list[float], list[float]]:
    """Return how long each slow handshake that was made lived, and how long each honest join took."""
    slow = [SlowHandshake(Request(url), address=address(number)) for number in range(count)]
    dialling = await asyncio.gather(*(each.dial() for each in slow), return_exceptions=True)
    made = [each for each, outcome in zip(slow, dialling, strict=True) if outcome is None]
    joined = await join_all(lambda n: Idler(Request(url, f"honest-{n}"), address=address(n)), honest, per_s=250.0)
    until = monotonic() + HANDSHAKES_GONE_S
    await asyncio.gather(*(each.wait_end(max(0.01, until - monotonic())) for each in made))
    lives = [each.lived_s for each in made]
    for each in made:
        each.cut()
    joins = [each.welcomed_s - each.dialled_s for each in joined if each.live]
    await leave_all(joined)
    return lives, joins


@dataclass(slots=True)
class Tried:
    """What became of forged and replayed credentials; `answers` counts the answers to upgrades, 0 being none."""

    count: int = 0
    accepted: int = 0
    answers: Counter[int] = field(default_factory=Counter)

    @property
    def refused(self) -> int:
        """How many were refused: forged (403), or to be asked for anew (409: used, or signed by an unknown key)."""
        return self.answers[403] + self.answers[409]


def tickets(report: Report, forged: int = 100_000, replayed: int = 1000, sample: int = 200) -> None:
    """Tickets that no lobby signed, and tickets that were used before."""
    signer = Signer.drawn(secrets.token_bytes(32))
    tries = forge_in_process(signer, forged, seed=1)
    report.add("tickets_forged_accepted", tries.accepted, "tickets", exactly(0), n=tries.count)
    tries = replay_in_process(signer, replayed)
    report.add("tickets_replayed_accepted", tries.accepted, "tickets", exactly(0), n=tries.count)
    secret = secrets.token_bytes(32)
    settings: dict[str, Any] = {"auth": "ticket", "secret": f"bench:{secret.hex()}"}
    tell_settings(report, "tickets", auth="ticket", in_process=forged, over_http=sample)
    with Children() as children:
        server = serve(children, QUIET, **settings)
        good, again, false = run_loop(_knock(server.url(), Signer({"bench": secret}, "bench"), sample))
    report.add("tickets_http_good_accepted", good.accepted, "tickets", exactly(sample), n=good.count)
    tell_refusals(report, "tickets_http_replayed", again)
    tell_refusals(report, "tickets_http_forged", false)


def tell_refusals(report: Report, name: str, tried: Tried) -> None:
    """Tell that none was let in, that each was refused in words, and with which statuses."""
    n = tried.count
    report.add(f"{name}_accepted", max(tried.accepted, tried.answers[101]), "tickets", exactly(0), n=n)
    report.add(f"{name}_refused", tried.refused, "tickets", exactly(n), n=n)
    for status, count in sorted(tried.answers.items()):
        report.add(f"{name}_answered_{status}", count, "tickets", n=n)


def ticket(match: str = "1") -> Ticket:
    """Return a good ticket."""
    name = secrets.token_hex(4)
    return Ticket(match, f"player-{name}", name, False, "", 0, unix_ms() + TICKET_LIFETIME_MS,
                  secrets.token_bytes(NONCE_BYTES))  # fmt: skip


def forge(signed: str, rng: Random) -> str:
    """Return a ticket that differs from a signed one in one letter after its prefix, or is another's altogether."""
    if rng.random() < 0.1:
        return ticket().sign(Signer.drawn(rng.randbytes(32)))
    place = rng.randrange(len(TICKET_PREFIX), len(signed))
    other = rng.choice([letter for letter in BASE64URL if letter != signed[place]])
    return signed[:place] + other + signed[place + 1 :]


def forge_in_process(signer: Signer, count: int, seed: int) -> Tried:
    """Bring forged tickets to an authenticator."""
    authenticator, rng, tried = TicketAuthenticator(signer), Random(seed), Tried(count)
    signed = ticket().sign(signer)
    for number in range(count):
        if number % 1000 == 0:
            signed = ticket().sign(signer)
        tried.accepted += _accepts(authenticator, forge(signed, rng))
    # A real one still gets in: what was refused was refused for being forged.
    assert _accepts(authenticator, ticket().sign(signer)), "an honest ticket is good"
    return tried


def replay_in_process(signer: Signer, count: int) -> Tried:
    """Bring good tickets twice; only the first time may do."""
    authenticator = TicketAuthenticator(signer)
    signed = [ticket().sign(signer) for _ in range(count)]
    first = sum(_accepts(authenticator, each) for each in signed)
    assert first == count, f"{count - first} good tickets were refused"
    return Tried(count, sum(_accepts(authenticator, each) for each in signed))


def _accepts(authenticator: TicketAuthenticator, credential: str) -> bool:
    try:
        authenticator.authenticate(Upgrade("1", credential, "127.0.0.1", {}, spectator=False))
    except Refused:
        return False
    return True


async def _knock(url: str, signer: Signer, count: int) -> tuple[Tried, Tried, Tried]:
    """Bring good tickets, the same ones again, and forged ones to a server."""
    rng = Random(count)
    signed = [ticket().sign(signer) for _ in range(count)]
    good = await _try(url, signed)
    again = await _try(url, signed)
    false = await _try(url, [forge(each, rng) for each in signed])
    return good, again, false


async def _try(url: str, credentials: list[str], request: Request | None = None) -> Tried:
    request = request or Request(url)

    def make(number: int) -> RawSocket:
        return RawSocket(replace(request, credential=credentials[number]), address=address(number))

    sockets = await join_all(make, len(credentials), per_s=200.0)
    tried = Tried(len(sockets), sum(each.live for each in sockets), Counter(each.status for each in sockets))
    await leave_all(sockets)
    return tried


def origins(report: Report) -> None:
    """Pages of other sites dial."""
    tell_settings(report, "origins", allowed_origins="(empty: the same origin only)")
    with Children() as children:
        server = serve(children, QUIET)
        answers, own = run_loop(_dial_from_pages(server.url(), f"http://{server.address}"))
    report.add("origins_forged_answered_403", answers[403], "origins", exactly(len(ORIGINS)), n=len(ORIGINS))
    report.add("origins_own_accepted", own, "bool", exactly(1))


async def _dial_from_pages(url: str, own: str) -> tuple[Counter[int], bool]:
    sockets = [RawSocket(Request(url, "page", origin=origin)) for origin in ORIGINS]
    for each in sockets:
        await each.join()
        each.cut()
    page = RawSocket(Request(url, "page", origin=own))
    accepted = await page.join()
    page.leave()
    await page.wait_end(2.0)
    return Counter(each.status for each in sockets), accepted
