"""The lobby's session: what may come when, how many requests run, what is too fast."""

from __future__ import annotations

from game_server.cluster.lobby import HELLO_NS, REQUEST_BURST, REQUESTS_MAX, SEAT_BURST, LobbySession, LobbyState
from game_server.cluster.lobby_facts import (
    Abandon,
    Answered,
    CarryOut,
    CloseLobby,
    ControlCame,
    Effect,
    FrameCame,
    Greet,
    Greeted,
    News,
    Replaced,
    SendMessage,
    SocketEnded,
    TextCame,
    Watch,
)  # fmt: skip
from protocol.codec import encode
from protocol.lobby_messages import (
    Cancel,
    Done,
    JoinByCode,
    ListMatches,
    LobbyHello,
    LobbyMessage,
    LobbyWelcome,
    PartyJoin,
    QuickPlay,
    Refused,
    Searching,
    WatchMatches,
    WatchPlayers,
)  # fmt: skip

WELCOME = LobbyWelcome("p", "Ann", "", "Arena", "n1", 4, [], "", 1, 1500)


def told(session: LobbySession, message: LobbyMessage, now_ns: int = 0) -> list[Effect]:
    session.handle(FrameCame(encode(message)), now_ns)
    return session.effects()


def ready() -> LobbySession:
    session = LobbySession(0)
    assert told(session, LobbyHello(7)) == [Greet(7)]
    session.handle(Greeted(WELCOME), 0)
    assert session.effects() == [SendMessage(WELCOME)]
    return session


def listing(request: str) -> ListMatches:
    return ListMatches(request, [], "", 10)


def refusals(effects: list[Effect]) -> list[tuple[str, str]]:
    return [
        (each.message.request, each.message.code)
        for each in effects
        if isinstance(each, SendMessage) and isinstance(each.message, Refused)
    ]


def closes(effects: list[Effect]) -> list[int]:
    return [each.code for each in effects if isinstance(each, CloseLobby)]


def test_the_first_frame_must_be_hello() -> None:
    session = LobbySession(0)
    assert closes(told(session, listing("a"))) == [1002]
    assert session.state is LobbyState.CLOSED and told(session, LobbyHello(0)) == []


def test_hello_comes_once() -> None:
    assert closes(told(ready(), LobbyHello(0))) == [1002]


def test_a_socket_that_says_nothing_is_closed_in_time() -> None:
    session = LobbySession(0)
    assert session.deadline_ns == HELLO_NS
    session.advance(HELLO_NS - 1)
    assert session.effects() == []
    session.advance(HELLO_NS)
    assert closes(session.effects()) == [4008]
    assert ready().deadline_ns is None


def test_text_closes() -> None:
    session = ready()
    session.handle(TextCame(), 0)
    assert closes(session.effects()) == [1003]


def test_a_request_is_carried_out_and_answered_once() -> None:
    session = ready()
    assert told(session, listing("a")) == [CarryOut(listing("a"))]
    assert told(session, listing("a")) == []
    session.handle(Answered(Done("a")), 0)
    session.handle(Answered(Done("a")), 0)
    assert session.effects() == [SendMessage(Done("a"))]
    assert told(session, listing("a")) == [CarryOut(listing("a"))]


def test_a_request_needs_an_id() -> None:
    assert refusals(told(ready(), listing(""))) == [("", "bad_request")]


def test_eight_requests_run_at_a_time() -> None:
    session = ready()
    for n in range(REQUESTS_MAX):
        told(session, listing(f"{n}"))
    assert refusals(told(session, listing("one more"))) == [("one more", "rate")]


def test_one_request_at_a_time_looks_for_a_seat() -> None:
    session = ready()
    told(session, QuickPlay("a", [], [], 0))
    assert refusals(told(session, QuickPlay("b", [], [], 0))) == [("b", "busy")]
    session.handle(Answered(Refused("a", "full", "full", 0)), 0)
    session.effects()
    assert told(session, QuickPlay("b", [], [], 0)) == [CarryOut(QuickPlay("b", [], [], 0))]


def test_what_runs_can_be_given_up_and_what_does_not_is_refused() -> None:
    session = ready()
    told(session, listing("a"))
    assert told(session, Cancel("a")) == [Abandon("a")]
    assert refusals(told(session, Cancel("unknown"))) == [("unknown", "cancelled")]
    session.handle(Answered(Done("a")), 0)
    session.effects()
    assert told(session, Cancel("a")) == []


def test_a_burst_is_refused_and_time_makes_it_good() -> None:
    session = ready()
    for _ in range(REQUEST_BURST):
        assert told(session, WatchMatches(0, [])) == [Watch(WatchMatches(0, []))]
    assert refusals(told(session, listing("a"))) == [("a", "rate")]
    assert told(session, listing("a"), 50_000_000) == [CarryOut(listing("a"))]


def test_a_flood_closes() -> None:
    session = ready()
    for _ in range(300):
        session.handle(ControlCame(), 0)
    assert closes(session.effects()) == [1008]
    unlimited = LobbySession(0, limited=False)
    for _ in range(300):
        unlimited.handle(ControlCame(), 0)
    assert unlimited.effects() == []


def test_news_are_passed_on_once_there_was_a_welcome() -> None:
    news = News(Searching("a", 1, 2, "looking", 0))
    session = LobbySession(0)
    session.handle(news, 0)
    assert session.effects() == []
    session = ready()
    session.handle(news, 0)
    assert session.effects() == [SendMessage(news.message)]


def test_a_newer_device_closes_this_one_for_good() -> None:
    session = ready()
    session.handle(Replaced(), 0)
    assert closes(session.effects()) == [4001]


def test_after_the_end_nothing_matters() -> None:
    session = ready()
    told(session, listing("a"))
    session.handle(SocketEnded(), 0)
    session.handle(Answered(Done("a")), 0)
    assert session.effects() == [] and not session.running


def test_seats_and_codes_are_asked_for_at_a_gentle_pace() -> None:
    session = ready()
    for n in range(SEAT_BURST):
        code = PartyJoin(f"c{n}", "AAAAAA")
        assert told(session, code) == [CarryOut(code)]
        session.handle(Answered(Refused(f"c{n}", "no_party", "", 0)), 0)
        session.effects()
    assert refusals(told(session, PartyJoin("more", "AAAAAA"))) == [("more", "rate")]
    assert refusals(told(session, JoinByCode("seat", "AAAAAA"))) == [("seat", "rate")]
    assert told(session, listing("l")) == [CarryOut(listing("l"))]
    assert told(session, JoinByCode("later", "AAAAAA"), 1_000_000_000) == [CarryOut(JoinByCode("later", "AAAAAA"))]


def test_giving_up_what_an_earlier_socket_asked_is_carried_out_at_the_pace_of_requests() -> None:
    session = ready()
    for n in range(REQUEST_BURST):
        assert told(session, Cancel(f"old{n}"))[0] == Abandon(f"old{n}")
    assert refusals(told(session, Cancel("one more"))) == [("one more", "rate")]


def test_long_pages_and_lists_count_more() -> None:
    session = ready()
    for n in range(8):
        assert told(session, ListMatches(f"l{n}", [], "", 200)) == [CarryOut(ListMatches(f"l{n}", [], "", 200))]
        session.handle(Answered(Done(f"l{n}")), 0)
        session.effects()
    assert refusals(told(session, ListMatches("more", [], "", 200))) == [("more", "rate")]
    assert refusals(told(session, WatchPlayers(["p"] * 100))) == [("", "rate")]
    assert told(session, WatchPlayers(["p"] * 100), 250_000_000) == [Watch(WatchPlayers(["p"] * 100))]
