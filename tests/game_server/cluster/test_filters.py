"""Attributes as they come, and the sets that find a match."""

import pytest

from game_server.cluster.errors import LobbyRefused
from game_server.cluster.filters import attributes_of, index_name, index_names, meets, pairs_of

ALLOWED = ("mode", "region")


def test_pairs_become_sorted_attributes_and_pairs_again() -> None:
    found = attributes_of(["region", "eu", "mode", "duel"], ALLOWED)
    assert found == (("mode", "duel"), ("region", "eu")) and pairs_of(found) == ["mode", "duel", "region", "eu"]


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (["mode"], "pairs"), (["mode", "a", "mode", "b"], "once"), (["map", "x"], "there are mode, region"),
        (["mode", ""], "1 to 64"), (["mode", "a\n"], "printable"), (["mode", "x" * 65], "1 to 64"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_filtered_by_is_refused_in_words(pairs: list[str], sentence: str) -> None:
    with pytest.raises(LobbyRefused, match=sentence) as refused:
        attributes_of(pairs, ALLOWED)
    assert refused.value.code == "bad_filter"


def test_a_match_is_in_the_set_of_every_question_that_it_answers() -> None:
    attributes = (("mode", "duel"), ("region", "eu"))
    assert index_names(attributes) == ["", "mode=duel", "region=eu", "mode=duel&region=eu"]
    assert index_name(attributes[::-1]) == "mode=duel&region=eu"


def test_a_value_cannot_pretend_to_be_two() -> None:
    assert index_name((("mode", "duel&region=eu"),)) != index_name((("mode", "duel"), ("region", "eu")))
    assert "|" not in index_name((("mode", "a|b"),))


def test_a_match_meets_filters_that_are_among_its_attributes() -> None:
    attributes = (("mode", "duel"), ("region", "eu"))
    assert meets(attributes, ()) and meets(attributes, attributes[1:]) and not meets((), attributes)
