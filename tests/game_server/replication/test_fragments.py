"""Each entity is encoded once per lane and mask."""

import msgpack

from game_server.replication.fragments import Fragments
from protocol.ids import Tick
from protocol.state_codec import splice
from tests.game_server.replication.records import record


def test_the_lanes_of_one_change() -> None:
    thing = record(5, values=(1000, False), owner=2, generation=3)
    thing.changed((1003, True), Tick(1))
    fragments = Fragments()
    fragments.begin(1)
    joined = splice([fragments.relative(thing), fragments.absolute(thing, 1), fragments.spawn(thing)])
    assert msgpack.unpackb(joined) == [5, 3, 51, 1, 5, 1, 1003, 5, 3, 0, 2, 1003, 1]


def test_whoever_sees_it_an_entity_is_encoded_once_a_tick() -> None:
    thing = record(5)
    thing.changed((3, False), Tick(1))
    fragments = Fragments()
    fragments.begin(1)
    first = fragments.relative(thing)
    assert all(fragments.relative(thing) is first for _ in range(100))
    assert fragments.absolute(thing, 1) is fragments.absolute(thing, 1)
    assert fragments.spawn(thing) is fragments.spawn(thing)
    assert fragments.encoded == 3
    fragments.begin(2)
    thing.changed((9, False), Tick(2))
    assert fragments.relative(thing) is not first
