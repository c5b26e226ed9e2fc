"""Random cuts: bots that keep books play through a proxy which cuts, stalls and deafens their sockets.

Each bot pays numbered payments as fast as its server books them, and owns a proxy, so that its faults are its own. A
fault is one of three: a reset; a stall, which the bot notices by silence and answers with parallel dials, the old
socket coming back while they race; a reset after which the first new socket loses its WELCOME. What a fault met is
counted when it happens, since one may fall into the return from another: a reset of a socket that is current must be
followed by a resume.
To test: `tests/bench/test_cuts.py`.
"""

import asyncio
from dataclasses import dataclass
from random import Random
from statistics import median
from time import monotonic
from typing import Any

from bench.fault_proxy import FaultProxy, Pipe
from bench.ledger import Ledger
from bench.raw_groups import percentile
from bench.report import Report, at_least, at_most, exactly
from bench.serving import metric, tell_settings
from bench.watchers import dials_of
from demo_client.children import Children, ServerChild
from game_client import Client
from game_client.session import SessionState
from protocol.errors import UsageFault

PAYMENTS_PER_S = 10.0
STALL_S = (1.2, 2.0)
SETTLE_S = 35.0
"""Longer than a client ever waits between two dials: one that is not back by then does not return."""
FAULTS = ("reset", "stall", "lost welcome")
FAULT_WEIGHTS = (6, 2, 2)
MET_LEAST = 0.5
"""Of all cuts so many must meet a current socket, or the run shows little."""
WELCOMES_LOST_LEAST, RACES_LEAST = 0.05, 0.05
"""Of all cuts; a fifth are meant to be each."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """What came of the cuts, over all bots."""

    cuts: int
    met: int
    in_flight: int
    welcomes_lost: int
    races: int
    payments: int
    commands_lost: int
    commands_irregular: int
    events_missing: int
    desyncs: int
    errors: int
    resumed_by_delta: int
    resumed_by_keyframe: int
    rejoined: int
    not_back: int
    substituted: int
    resume_ms: list[float]
    rtt_ms: list[float]

    @property
    def resumes(self) -> int:
        """How often a bot came back."""
        return self.resumed_by_delta + self.resumed_by_keyframe + self.rejoined


class Payer:
    """One bot, its proxy and its books."""

    def __init__(self, number: int, host: str, port: int, dice: Random) -> None:
        self.proxy = FaultProxy(host, port)
        self.number, self.dice = number, dice
        self.paid = 0
        self.booked: list[int] = []
        self.client: Client
        # Cuts that ended a current socket, that found commands unacknowledged; stalls whose socket came back too late.
        self.met = self.in_flight = self.races = 0

    async def join(self) -> None:
        """Open the proxy and take a seat."""
        await self.proxy.__aenter__()
        url = f"ws://127.0.0.1:{self.proxy.port}/v1/match/1"
        self.client = Client(url, name=f"payer-{self.number}", rng=Random(self.number))
        self.client.on_event = lambda came: self.booked.append(came.event.number)
        await self.client.start()

    async def pay(self, until: float) -> None:
        """Pay at a steady rate, connected or not, and lean one way, then the other."""
        while monotonic() < until:
            self._pay_once()
            self.client.send_input(way=self.dice.randint(-1, 1))
            await asyncio.sleep(self.dice.uniform(0.5, 1.5) / PAYMENTS_PER_S)

    def _pay_once(self) -> None:
        try:
            self.client.send_command("Pay", number=self.paid + 1)
        except UsageFault:
            return  # 256 are on their way: this one is made later.
        self.paid += 1

    async def suffer(self, fault: str) -> None:
        """Have a fault done to the current socket, and count what it met."""
        self.in_flight += self.client.session.commands_unacknowledged > 0
        pipes = list(self.proxy.pipes)
        if fault == "stall":
            await self._stall(pipes)
            return
        # A socket that is still joining has returned from nothing yet; the cut before was counted.
        self.met += self.client.session.state in (SessionState.LIVE, SessionState.SILENT)
        self.proxy.welcomes_to_lose = int(fault == "lost welcome")
        for pipe in pipes:
            pipe.cut()

    async def _stall(self, pipes: list[Pipe]) -> None:
        dials = dials_of(self.client)
        for pipe in pipes:
            pipe.stall()
        await asyncio.sleep(self.dice.uniform(*STALL_S))
        # Another one is being dialled, or is current, while the old one's bytes still come to the server.
        self.races += any(pipe.reaches_server for pipe in pipes) and dials_of(self.client) > dials
        for pipe in pipes:
            pipe.flow()

    @property
    def settled(self) -> bool:
        """Whether it is back, and everything that was paid is acknowledged and booked."""
        paid = self.client.session.commands_unacknowledged == 0 and len(self.booked) >= self.paid
        return paid and self.client.session.state is SessionState.LIVE

    async def leave(self) -> None:
        """End."""
        await self.client.stop()
        await self.proxy.__aexit__(None, None, None)


async def cut_randomly(server: ServerChild, bots: int, cuts: int, seconds: float, seed: int = 1) -> Cuts:
    """Let `bots` play for `seconds` while `cuts` faults happen, spread evenly; return what came of it."""
    host, _, port = server.address.rpartition(":")
    dice = Random(seed)
    payers = [Payer(number, host, int(port), Random(f"{seed}:{number}")) for number in range(bots)]
    for each in payers:
        await each.join()
    until = monotonic() + seconds
    paying = [asyncio.create_task(each.pay(until)) for each in payers]
    suffering: set[asyncio.Task[None]] = set()
    for n in range(cuts):
        await asyncio.sleep(max(0.0, until - seconds + seconds * (n + 1) / cuts - monotonic()))
        fault = dice.choices(FAULTS, FAULT_WEIGHTS)[0]
        suffering.add(asyncio.create_task(payers[n % bots].suffer(fault)))
    await asyncio.gather(*paying, *suffering)
    settle_until = monotonic() + SETTLE_S
    while not all(each.settled for each in payers) and monotonic() < settle_until:
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    counted = _count(payers, cuts)
    await asyncio.gather(*(each.leave() for each in payers))
    return counted


def _count(payers: list[Payer], cuts: int) -> Cuts:
    stats = [each.client.stats for each in payers]
    accounts: list[Any] = [each.client.world.owned(each.client.seat, "Account") for each in payers]
    booked = [(each, account) for each, account in zip(payers, accounts, strict=True) if account is not None]
    return Cuts(
        cuts=cuts,
        met=sum(each.met for each in payers),
        in_flight=sum(each.in_flight for each in payers),
        welcomes_lost=sum(each.proxy.welcomes_lost for each in payers),
        races=sum(each.races for each in payers),
        payments=sum(each.paid for each in payers),
        # An account that is gone has lost all of its payments.
        commands_lost=sum(each.paid for each in payers) - sum(account.booked for _, account in booked),
        commands_irregular=sum(account.irregular for _, account in booked),
        events_missing=sum(each.booked != list(range(1, each.paid + 1)) for each in payers),
        desyncs=sum(each.desyncs for each in stats),
        errors=sum(each.errors for each in stats),
        resumed_by_delta=sum(each.resumed for each in stats),
        resumed_by_keyframe=sum(each.resumed_by_keyframe for each in stats),
        rejoined=sum(each.rejoined for each in stats),
        not_back=sum(each.client.session.state is not SessionState.LIVE for each in payers),
        substituted=sum(each.substituted for each in stats),
        resume_ms=sorted(ms for each in stats for ms in each.resume_ms),
        rtt_ms=sorted(ms for each in stats for ms in each.rtts_ms),
    )


def random_cuts(report: Report, bots: int = 50, cuts: int = 1000, seconds: float = 60.0) -> None:
    """Cuts at random, commands in flight, WELCOMEs lost, sockets racing."""
    tell_settings(report, "random cuts", game=f"Ledger, {Ledger.tick_rate_hz} Hz", bots=bots, cuts=cuts,
                  seconds=seconds, payments_per_s_each=PAYMENTS_PER_S)  # fmt: skip
    with Children() as children:
        server = children.serve("bench.ledger:Ledger")
        told = asyncio.run(cut_randomly(server, bots, cuts, seconds))
        errors = told.errors + server.errors_logged()
        late = metric(server, "tickwire_inputs_total", 'verdict="late"')
    tell_cuts(report, told, bots)
    report.add("random_cuts_errors", errors, "count", exactly(0), n=told.resumes)
    # For information: a seat that is away has no inputs, and those on their way through a stall come late.
    report.add("random_cuts_inputs_late", late / max(1, told.resumes), "per resume", n=told.resumes)


def tell_cuts(report: Report, told: Cuts, bots: int) -> None:
    """Tell what the cuts met, what they cost, and how the bots came back."""
    n = told.cuts
    report.add("random_cuts", told.cuts, "cuts", n=bots)
    report.add("random_cuts_met_current_socket", told.met, "cuts", at_least(MET_LEAST * n), n=n)
    report.add("random_cuts_commands_in_flight", told.in_flight, "cuts", at_least(1), n=n)
    report.add("random_cuts_welcomes_lost", told.welcomes_lost, "WELCOMEs", at_least(WELCOMES_LOST_LEAST * n), n=n)
    report.add("random_cuts_sockets_raced", told.races, "stalls", at_least(RACES_LEAST * n), n=n)
    # Stalls and lost WELCOMEs may cost a resume too; each socket that was reset while it was current must.
    report.add("random_cuts_resumes", told.resumes, "resumes", at_least(told.met), n=told.met)
    report.add("random_cuts_not_back", told.not_back, "bots", exactly(0), n=bots)
    lost = told.commands_lost + told.commands_irregular
    report.add("random_cuts_commands_lost_or_doubled", lost, "commands", exactly(0), n=told.payments)
    report.add("random_cuts_clients_missing_events", told.events_missing, "clients", exactly(0), n=told.payments)
    report.add("random_cuts_desyncs", told.desyncs, "count", exactly(0), n=told.resumes)
    by_delta = told.resumed_by_delta / max(1, told.resumes)
    report.add("random_cuts_by_delta", by_delta, "of resumes", at_least(0.99), n=told.resumes)
    substituted = told.substituted / max(1, told.resumes)
    report.add("random_cuts_inputs_substituted", substituted, "states per resume", n=told.resumes)
    # The median round trip: the pings of stalled sockets, which come back late, are among the others.
    rtt_ms = median(told.rtt_ms)
    bound = at_most(round(rtt_ms + 1000 / Ledger.tick_rate_hz, 1))
    report.add("random_cuts_rtt_ms_p50", rtt_ms, "ms", n=len(told.rtt_ms))
    for percent in (50, 99):
        value = percentile(told.resume_ms, percent)
        report.add(f"random_cuts_socket_to_state_ms_p{percent}", value, "ms", bound, n=len(told.resume_ms))
