"""Gone, entered and changed follow from (view, base, now)."""

from typing import Any

import msgpack

from game_server.replication.delta import Delta
from game_server.replication.fragments import Fragments
from game_server.replication.view import View
from protocol.ids import Tick
from protocol.state_codec import array_header
from tests.game_server.replication.records import record


def shown(delta: Delta) -> tuple[list[Any], list[Any], list[Any]]:
    def unpack(count: int, data: bytes) -> list[Any]:
        items: list[Any] = msgpack.unpackb(array_header(count) + data)
        return items

    return (
        unpack(delta.gone_count, delta.gone),
        unpack(delta.entered_count, delta.entered),
        unpack(delta.changed_count, delta.changed),
    )


def since(view: View, base: int, now: int) -> tuple[list[Any], list[Any], list[Any]]:
    fragments = Fragments()
    fragments.begin(now)
    return shown(view.delta(base, False, [], fragments))


def test_what_came_after_the_base_enters_and_what_left_is_gone() -> None:
    view, first, second = View(), record(1), record(2)
    view.enter(first, Tick(1))
    view.leave(first, Tick(5))
    view.enter(second, Tick(5))
    assert since(view, 4, 5) == ([1], [2, 0, 0, -1, 0, 0], [])
    assert since(view, 5, 5) == ([], [], [])


def test_what_came_and_left_again_between_was_never_there() -> None:
    view, thing = View(), record(1)
    view.enter(thing, Tick(3))
    view.leave(thing, Tick(5))
    assert since(view, 2, 6) == ([], [], [])
    assert since(view, 4, 6) == ([1], [], [])


def test_what_left_and_came_back_needs_only_what_changed_meanwhile() -> None:
    view, thing = View(), record(1)
    view.enter(thing, Tick(1))
    view.leave(thing, Tick(3))
    thing.changed((7, False), Tick(4))
    view.enter(thing, Tick(5))
    assert since(view, 2, 6) == ([], [], [1, 1, 7])
    assert since(view, 3, 6) == ([], [1, 0, 0, -1, 7, 0], [])


def test_an_id_in_another_generation_enters_anew() -> None:
    view, old, new = View(), record(1), record(1, generation=1)
    view.enter(old, Tick(1))
    view.leave(old, Tick(3))
    view.enter(new, Tick(4))
    assert since(view, 2, 5) == ([], [1, 1, 0, -1, 0, 0], [])


def test_leaving_what_was_never_seen_is_ignored() -> None:
    view = View()
    view.leave(record(1), Tick(2))
    assert since(view, 0, 3) == ([], [], []) and not view.remembers


def test_show_makes_the_set_what_it_is_told() -> None:
    view, things = View(), [record(n) for n in range(4)]
    view.show(things[:2], Tick(1))
    view.show(things[1:3], Tick(2))
    assert sorted(view.members) == [1, 2]
    assert since(view, 1, 2)[0] == [0]


def test_history_is_forgotten_and_bounded() -> None:
    view = View()
    for tick in range(1000):
        thing = record(tick % 5)
        view.show([thing] if tick % 2 else [], Tick(tick))
        view.forget(tick - 100)
    assert len(view._crossings) <= 100


def test_a_delta_is_made_once_per_tick_and_base() -> None:
    view, fragments = View(), Fragments()
    view.enter(record(1), Tick(1))
    fragments.begin(2)
    made = view.delta(1, True, [], fragments)
    assert view.delta(1, True, [], fragments) is made
    assert view.keyframe(fragments) is view.keyframe(fragments)
    fragments.begin(3)
    assert view.delta(1, False, [], fragments) is not made
