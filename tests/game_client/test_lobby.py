"""The lobby's session, driven by hand: a clock that jumps, frames that the test makes."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game_client.facts import (
    NO_CLOSE_FRAME,
    Answered,
    BytesReceived,
    CloseSocket,
    DialFailed,
    DialNow,
    FrameReceived,
    NewsCame,
    RoundTripMeasured,
    SendFrame,
    SocketClosed,
    SocketOpened,
)  # fmt: skip
from game_client.lobby import LobbySession, LobbyState
from game_client.lobby_records import Party, Seat
from protocol.codec import decode_lobby, encode
from protocol.errors import UsageFault
from protocol.lobby_messages import (
    Cancel,
    Done,
    JoinByCode,
    JoinMatch,
    LobbyHello,
    LobbyWelcome,
    Matches,
    MatchesChanged,
    PartyState,
    PresenceChanged,
    QuickPlay,
    Refused,
    Rejoin,
    Searching,
    SeatFound,
    WatchMatches,
    WatchPlayers,
    Where,
)  # fmt: skip
from protocol.messages import Paused
from protocol.rows import Direction

MS = 1_000_000
URL = "ws://there:7777/v1/lobby"
GUEST = "tickwire-guest-1.x"
WELCOME = LobbyWelcome("guest-1", "Ada", GUEST, "Arena", "a", 32, ["mode"], "", 3, 1500)
QUICK: dict[str, Any] = {"required": [], "preferred": [], "widen_after_ms": 0}


class Driven:
    """A session with a clock that the test moves."""

    def __init__(self, **options: Any) -> None:
        self.now_ns = 1000 * MS
        self.session = LobbySession(URL, Random(1), Random(2), self.now_ns, **options)
        self.socket = 0

    def drain(self) -> list[Any]:
        """Take the new effects."""
        effects = self.session.effects()
        self.socket = max([self.socket, *(each.socket for each in effects if isinstance(each, DialNow))])
        return effects

    def handle(self, fact: Any) -> list[Any]:
        """Tell a fact now."""
        self.session.handle(fact, self.now_ns)
        return self.drain()

    def wait(self, wait_ms: float) -> list[Any]:
        """Let time pass, advancing at every deadline on the way."""
        effects, until_ns = [], self.now_ns + int(wait_ms * MS)
        while self.session.deadline_ns is not None and self.session.deadline_ns <= until_ns:
            self.now_ns = max(self.now_ns, self.session.deadline_ns)
            self.session.advance(self.now_ns)
            effects += self.drain()
        self.now_ns = until_ns
        return effects

    def hear(self, *messages: Any) -> list[Any]:
        """Let frames arrive now."""
        return [each for message in messages for each in self.handle(FrameReceived(self.socket, encode(message)))]

    def lose(self, code: int = NO_CLOSE_FRAME, reason: str = "") -> list[Any]:
        """Let the socket end now."""
        return self.handle(SocketClosed(self.socket, code, reason))

    def fail(self, reason: str = "no", status: int = 0, **more: Any) -> list[Any]:
        """Let the newest dial fail now."""
        return self.handle(DialFailed(self.socket, reason, status, **more))

    def enter(self) -> Driven:
        """Go all the way to live."""
        self.wait(0)
        self.handle(SocketOpened(self.socket))
        self.hear(WELCOME)
        return self

    def back(self) -> list[Any]:
        """Lose the socket and come back; return what is sent after WELCOME."""
        self.lose()
        self.wait(400)
        self.handle(SocketOpened(self.socket))
        return sent(self.hear(WELCOME))

    def ask(self, kind: type[Any] = QuickPlay, patience_ms: int = 0, **fields: Any) -> str:
        """Send a request; return its id."""
        fields = fields or (QUICK if kind is QuickPlay else {})
        return self.session.ask(kind, self.now_ns, patience_ms * MS, **fields)


def sent(effects: list[Any]) -> list[Any]:
    """The messages among effects."""
    frames = [each.data for each in effects if isinstance(each, SendFrame)]
    return [decode_lobby(each, Direction.TO_SERVER) for each in frames]


def answers(effects: list[Any]) -> list[Answered]:
    """The answers among effects."""
    return [each for each in effects if isinstance(each, Answered)]


def news(effects: list[Any]) -> list[Any]:
    """The news among effects."""
    return [each.news for each in effects if isinstance(each, NewsCame)]


# --- the states


def test_the_road_to_a_lobby_is_dial_hello_welcome() -> None:
    driven = Driven(schema_hash=77)
    assert driven.session.state is LobbyState.WAITING
    assert driven.wait(0) == [DialNow(1, URL)]
    assert driven.session.state is LobbyState.DIALLING
    assert sent(driven.handle(SocketOpened(1))) == [LobbyHello(77)]
    assert driven.session.state is LobbyState.GREETING
    assert news(driven.hear(WELCOME)) == [WELCOME]
    assert (driven.session.state, driven.session.status.phase) == (LobbyState.LIVE, "live")
    assert driven.session.welcome == WELCOME


def test_a_lobby_that_does_not_answer_within_5_s_is_dialled_again() -> None:
    driven = Driven()
    driven.wait(0)
    driven.handle(SocketOpened(1))
    effects = driven.wait(5000)
    assert CloseSocket(1, 1001) in effects
    assert str(driven.session.status).endswith("the lobby did not answer within 5 s")
    assert driven.session.status.attempt == 1


def test_a_dial_that_nobody_answers_within_10_s_has_failed() -> None:
    driven = Driven()
    driven.wait(0)
    assert CloseSocket(1, 1001) in driven.wait(10_000)
    assert "did not answer within 10 s" in driven.session.status.reason
    # Opened after it was given up:
    assert driven.handle(SocketOpened(1)) == [CloseSocket(1, 1001)]


def test_a_silent_lobby_is_lost_and_one_that_answers_pings_is_not() -> None:
    driven = Driven().enter()
    for _ in range(10):
        assert driven.wait(5000) == []
        driven.handle(RoundTripMeasured(1, 3 * MS))
    driven.wait(9000)
    driven.handle(BytesReceived(1))
    assert driven.wait(9_999) == []
    assert CloseSocket(1, 1001) in driven.wait(1)
    assert str(driven.session.status) == "reconnecting, attempt 1: the lobby fell silent"
    assert driven.session.stats.rtt_ms == 3


def test_what_comes_of_a_socket_that_is_gone_means_nothing() -> None:
    driven = Driven().enter()
    driven.lose()
    assert driven.handle(FrameReceived(1, b"rubbish")) == []
    assert driven.session.status.phase == "reconnecting"


@pytest.mark.parametrize("code", [1000, 1002, 1008, 4001])
def test_a_close_that_says_never_is_the_end(code: int) -> None:
    driven = Driven().enter()
    driven.lose(code)
    assert (driven.session.state, driven.session.status.code) == (LobbyState.CLOSED, code)
    assert driven.session.deadline_ns is None


def test_a_lobby_that_stops_is_left_for_as_long_as_it_says() -> None:
    driven = Driven().enter()
    driven.hear(Refused("", "stopping", "this node is stopping", 2000))
    driven.lose(1013)
    assert driven.session.status.reason == "this node is stopping"
    assert driven.wait(1999) == []
    assert any(isinstance(each, DialNow) for each in driven.wait(1000))


@pytest.mark.parametrize(("status", "hopeless"), [(404, False), (401, False), (0, True)])
def test_a_dial_that_can_never_succeed_is_the_end(status: int, hopeless: bool) -> None:
    driven = Driven()
    driven.wait(0)
    driven.fail("no lobby here", status, hopeless=hopeless)
    assert str(driven.session.status) == "closed: no lobby here"


def test_a_dial_that_fails_is_tried_again() -> None:
    driven = Driven()
    driven.wait(0)
    driven.fail("busy", 503, retry_after_ms=1000)
    assert driven.wait(999) == []
    assert any(isinstance(each, DialNow) for each in driven.wait(1000))


def test_leaving_says_so_and_answers_what_waits() -> None:
    driven = Driven().enter()
    request = driven.ask()
    driven.drain()
    driven.session.leave()
    effects = driven.drain()
    assert CloseSocket(1, 1000) in effects
    assert [(each.request, each.answer.code) for each in answers(effects)] == [(request, "cancelled")]  # type: ignore[union-attr]
    assert driven.wait(60_000) == []


def test_effects_that_nobody_drains_are_a_mistake() -> None:
    driven = Driven().enter()
    with pytest.raises(UsageFault, match="not drained"):
        for _ in range(2000):
            driven.session.handle(FrameReceived(1, encode(PartyState("", []))), driven.now_ns)


# --- requests


def test_a_request_before_the_lobby_answered_goes_out_with_the_welcome() -> None:
    driven = Driven()
    request = driven.ask()
    driven.wait(0)
    driven.handle(SocketOpened(1))
    assert sent(driven.hear(WELCOME)) == [QuickPlay(request, **QUICK)]


def test_a_request_is_answered_once() -> None:
    driven = Driven().enter()
    request = driven.ask()
    assert sent(driven.drain()) == [QuickPlay(request, **QUICK)]
    found = SeatFound(request, "/n/b/v1/match/m-1", "m-1", "t", 30_000, 0, "")
    seat = Seat("m-1", "ws://there:7777/n/b/v1/match/m-1", "t", False, "", 30_000)
    assert answers(driven.hear(found)) == [Answered(request, seat)]
    assert answers(driven.hear(Done(request), Matches(request, [], "", 0))) == []


def test_a_seat_that_nobody_asked_for_is_news() -> None:
    driven = Driven().enter()
    effects = driven.hear(SeatFound("the-leaders", "ws://b:1/v1/match/m-1", "m-1", "t", 1, 1, "WXYZ"))
    assert news(effects) == [Seat("m-1", "ws://b:1/v1/match/m-1", "t", True, "WXYZ", 1)]


def test_after_a_cut_requests_go_out_again_with_their_ids_and_what_is_watched_is_told_again() -> None:
    driven = Driven().enter()
    first, second = driven.ask(), driven.ask(Rejoin)
    driven.session.watch({"mode": "duel"})
    driven.session.watch_players(["p-1"])
    driven.drain()
    driven.hear(Refused(first, "full", "", 0))
    assert driven.back() == [WatchMatches(1, ["mode", "duel"]), WatchPlayers(["p-1"]), Rejoin(second)]
    assert driven.session.stats.reconnects == 1


def test_a_refused_request_waits_and_is_sent_again_while_its_patience_lasts() -> None:
    driven = Driven().enter()
    request = driven.ask(patience_ms=3000)
    for _ in range(2):
        assert len(sent(driven.drain() or driven.wait(1300))) == 1
        assert answers(driven.hear(Refused(request, "unavailable", "in 1 s", 1000))) == []
    driven.wait(1300)
    refused = Refused(request, "unavailable", "in 1 s", 1000)
    assert answers(driven.hear(refused)) == [Answered(request, refused)]


def test_a_cancelled_request_is_answered_by_the_lobby_or_at_once_if_it_never_went_out() -> None:
    driven = Driven()
    request = driven.ask()
    driven.session.cancel(request, driven.now_ns)
    assert [each.answer.code for each in answers(driven.drain())] == ["cancelled"]  # type: ignore[union-attr]
    driven.enter()
    request = driven.ask()
    driven.session.cancel(request, driven.now_ns)
    effects = driven.drain()
    assert sent(effects)[-1] == Cancel(request)
    assert answers(effects) == []


def test_a_lobby_that_is_closed_answers_every_request_with_why() -> None:
    driven = Driven().enter()
    driven.ask()
    driven.hear(Refused("", "replaced", "you came on another device", 0))
    effects = driven.lose(4001)
    driven.ask()
    told = [each.answer for each in answers(effects + driven.drain())]
    assert [each.code for each in told] == ["replaced", "replaced"]  # type: ignore[union-attr]
    assert told[0].sentence == "the lobby is closed: you came on another device"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (JoinByCode, {"code": "x" * 17}),
        (JoinMatch, {"match": "m", "spectate": 2}),
        (JoinMatch, {"match": 7, "spectate": 0}),
        (JoinMatch, {"match": object(), "spectate": 0}),
    ],
)
def test_what_no_lobby_takes_is_refused_at_the_call(kind: type[Any], fields: dict[str, Any]) -> None:
    driven = Driven().enter()
    with pytest.raises(UsageFault, match="no lobby takes this"):
        driven.ask(kind, **fields)
    assert driven.drain() == []
    assert driven.back() == []


# --- guests


def test_a_guests_credential_is_brought_with_the_next_dial() -> None:
    driven = Driven().enter()
    driven.lose()
    assert DialNow(2, URL, GUEST) in driven.wait(400)


@pytest.mark.parametrize("status", [401, 403, 409])
def test_a_guest_whom_the_lobby_does_not_know_dials_at_once_with_the_own_name(status: int) -> None:
    driven = Driven(guest=GUEST)
    assert driven.wait(0) == [DialNow(1, URL, GUEST)]
    driven.fail("who?", status)
    assert driven.wait(0) == [DialNow(2, URL)]
    assert driven.session.status.attempt == 0


# --- what is shown


def test_watched_matches_are_merged_and_begun_anew_by_a_new_socket() -> None:
    driven = Driven().enter()
    session = driven.session
    session.watch({})
    assert sent(driven.drain()) == [WatchMatches(1, [])]
    assert not session.matches_known
    driven.hear(MatchesChanged([["m-1", 1, 8, 0, []], ["m-2", 2, 8, 0, []]], [], 2))
    driven.hear(MatchesChanged([["m-1", 3, 8, 0, []]], ["m-2", "unknown"], 1))
    assert {name: each.seats for name, each in session.matches.items()} == {"m-1": 3}
    assert (session.matches_known, session.matches_total) == (True, 1)
    driven.back()
    assert list(session.matches) == ["m-1"]  # shown until the lobby says what there is now
    driven.hear(MatchesChanged([["m-3", 1, 8, 0, []]], [], 1))
    assert list(session.matches) == ["m-3"]


def test_matches_that_were_under_way_when_the_filters_changed_are_left_out() -> None:
    driven = Driven().enter()
    driven.session.watch({})
    driven.hear(MatchesChanged([["m-1", 1, 8, 0, ["mode", "duel"]]], [], 1))
    driven.session.watch({"mode": "team"})
    driven.hear(MatchesChanged([["m-1", 2, 8, 0, ["mode", "duel"]], ["m-2", 2, 8, 0, ["mode", "team"]]], [], 2))
    assert list(driven.session.matches) == ["m-2"]


def test_watching_that_ended_shows_nothing() -> None:
    driven = Driven().enter()
    driven.session.watch({})
    driven.hear(MatchesChanged([["m-1", 1, 8, 0, []]], [], 1))
    driven.session.watch(None)
    assert sent(driven.drain()) == [WatchMatches(0, [])]
    assert news(driven.hear(MatchesChanged([["m-1", 1, 8, 0, []]], [], 1))) == []
    assert (driven.session.matches, driven.session.matches_known) == ({}, False)
    assert driven.back() == []


def test_watched_players_are_where_the_lobby_last_said() -> None:
    driven = Driven().enter()
    session = driven.session
    session.watch_players(["p-1", "p-2"])
    driven.hear(PresenceChanged([["p-1", "Ada", 2, "m-1"], ["p-2", "Ben", 0, ""], ["p-3", "Cid", 1, ""]]))
    assert {name: each.where for name, each in session.players.items()} == {"p-1": Where.MATCH, "p-2": Where.NOWHERE}
    session.watch_players(["p-2", "p-3"])
    assert list(session.players) == ["p-2"]


def test_the_party_is_what_the_lobby_last_said() -> None:
    driven = Driven().enter()
    driven.hear(PartyState("ABCD", [["p-1", "Ada"], ["p-2", "Ben"]]))
    assert driven.session.party == Party("ABCD", (("p-1", "Ada"), ("p-2", "Ben")))
    driven.hear(PartyState("", []))
    assert driven.session.party == Party()


def test_what_a_request_waits_for_is_news() -> None:
    driven = Driven().enter()
    told = Searching("r", 3, 8, "3 of 8 found", 5000)
    assert news(driven.hear(told)) == [told]


# --- a lobby at fault


@pytest.mark.parametrize(
    "message",
    [
        WELCOME,
        MatchesChanged([["m-1"]], [], 1),
        PresenceChanged([[]]),
        PartyState("ABCD", [[1]]),
        SeatFound("r", "http://x/", "m", "t", 1, 0, ""),
        Paused(1),
    ],
)
def test_what_a_lobby_may_not_say_ends_the_connection_with_1002(message: Any) -> None:
    driven = Driven().enter()
    driven.session.watch({})
    effects = driven.hear(message)
    assert CloseSocket(1, 1002) in effects
    assert (driven.session.status.phase, driven.session.stats.errors) == ("closed", 1)


def test_nothing_but_welcome_or_a_refusal_comes_first() -> None:
    driven = Driven()
    driven.wait(0)
    driven.handle(SocketOpened(1))
    driven.hear(Done("r"))
    # Who dialled a match, for instance, is told what a lobby's address looks like.
    assert (
        driven.session.status.reason
        == f"{driven.session.url} does not speak as a lobby, /v1/lobby, does: Done came before WELCOME"
    )


@given(st.lists(st.sampled_from(["open", "fail", "welcome", "lose", "wait", "ask", "cancel", "answer"]), max_size=40))
def test_whatever_the_network_does_every_request_is_answered_once_and_its_id_stays(steps: list[str]) -> None:
    driven = Driven()
    asked: list[str] = []
    told: list[str] = []
    on_the_wire: set[str] = set()

    def take(effects: list[Any]) -> None:
        told.extend(each.request for each in answers(effects))
        on_the_wire.update(each.request for each in sent(effects) if isinstance(each, QuickPlay))

    for step in steps:
        match step:
            case "open":
                take(driven.handle(SocketOpened(driven.socket)))
            case "fail":
                take(driven.fail())
            case "welcome" if driven.session.state is LobbyState.GREETING:
                take(driven.hear(WELCOME))
            case "lose":
                take(driven.lose())
            case "wait":
                take(driven.wait(300))
            case "ask":
                asked.append(driven.ask())
                take(driven.drain())
            case "cancel" if asked:
                driven.session.cancel(asked[-1], driven.now_ns)
                take(driven.drain())
            case "answer" if asked and driven.session.state is LobbyState.LIVE:
                take(driven.hear(Refused(asked[0], "full", "", 0)))
        assert driven.session.deadline_ns is not None
    driven.session.leave()
    take(driven.drain())
    assert sorted(told) == sorted(asked)
    assert on_the_wire <= set(asked)
