"""Small ids, a quarantine, generations."""

from game_server.sim.entity_ids import EntityIds
from protocol.ids import Tick


def test_lasting_entities_take_the_lowest_ids_and_short_lived_ones_start_at_128() -> None:
    ids = EntityIds(10)
    assert [ids.take(False)[0], ids.take(True)[0], ids.take(False)[0]] == [0, 128, 1]


def test_an_id_comes_back_after_its_quarantine_in_another_generation() -> None:
    ids = EntityIds(10)
    first, generation = ids.take(True)
    ids.give_back(first, Tick(5))
    ids.release(Tick(14))
    assert ids.take(True)[0] == 129
    ids.release(Tick(15))
    assert ids.take(True) == (first, generation + 1)


def test_lasting_entities_go_on_above_when_the_small_ids_are_taken() -> None:
    ids = EntityIds(10)
    assert [ids.take(False)[0] for _ in range(130)] == list(range(130))
