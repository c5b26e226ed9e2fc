"""The table of series."""

import pytest

from game_server.shell.series import (
    COMBINATIONS_SHOWN_MAX,
    NS_PER_MS,
    OTHER,
    SERIES,
    Kind,
    Label,
    Series,
)  # fmt: skip

STEP = Label("step", ("first", "second", OTHER))
STEPS = Series("tickwire_steps_total", Kind.COUNTER, "Steps.", (STEP,))
WAITS = Series("tickwire_wait_seconds", Kind.HISTOGRAM, "Waits.", (), (NS_PER_MS, 500 * NS_PER_MS), 1000 * NS_PER_MS)


def test_names_are_unique_and_say_whose_they_are_and_in_which_unit() -> None:
    names = [each.name for each in SERIES]
    assert len(set(names)) == len(names) > 30
    for each in SERIES:
        assert each.name.startswith("tickwire_")
        assert each.name.endswith("_total") == (each.kind is Kind.COUNTER), each.name
        if each.kind is Kind.HISTOGRAM:
            assert each.name.endswith(("_seconds", "_bytes")) and each.edges, each.name


def test_edges_rise_and_meanings_are_sentences() -> None:
    for each in SERIES:
        assert list(each.edges) == sorted(set(each.edges)), each.name
        assert each.meaning.endswith("."), each.name


def test_no_label_is_about_one_match_or_one_player() -> None:
    labels = {label.name for each in SERIES for label in each.labels}
    assert not labels & {
        "match",
        "match_id",
        "player",
        "name",
        "seat",
        "connection",
        "session",
        "ip",
        "address",
        "node",
    }


def test_every_label_has_few_values_each_of_them_once() -> None:
    for each in SERIES:
        for label in each.labels:
            assert len(set(label.values)) == len(label.values) <= 50, (each.name, label)


def test_a_value_that_is_not_in_the_table_counts_as_other() -> None:
    assert STEPS.key("second") == ("second",)
    assert STEPS.key("Ada") == (OTHER,)


def test_a_key_has_a_value_for_each_label() -> None:
    with pytest.raises(ValueError):
        STEPS.key("first", "second")


def test_a_series_with_few_combinations_shows_each_from_the_start() -> None:
    family = STEPS.family({("second",): 7})
    assert {each.labels["step"]: each.value for each in family.samples} == {"first": 0, "second": 7, OTHER: 0}


def test_a_series_with_many_combinations_shows_only_what_was_counted() -> None:
    wide = Label("wide", tuple(str(each) for each in range(COMBINATIONS_SHOWN_MAX)))
    rows = Series("tickwire_rows_total", Kind.COUNTER, "Rows.", (wide, STEP))
    family = rows.family({("3", "first"): 2})
    assert [(each.labels, each.value) for each in family.samples] == [({"wide": "3", "step": "first"}, 2)]


def test_a_histogram_is_told_in_its_own_unit_with_counts_that_add_up() -> None:
    buckets = WAITS.buckets()
    for ms in (1, 2, 400, 600):
        buckets.count(ms * NS_PER_MS)
    samples = {
        (each.name.removeprefix("tickwire_wait_seconds"), each.labels.get("le", "")): each.value
        for each in WAITS.histogram({(): buckets}).samples
    }
    assert samples == {
        ("_bucket", "0.001"): 1, ("_bucket", "0.5"): 3, ("_bucket", "+Inf"): 4, ("_count", ""): 4, ("_sum", ""): 1.003,
    }  # fmt: skip


def test_a_row_is_not_read_as_what_it_is_not() -> None:
    with pytest.raises(AssertionError):
        WAITS.family({(): 1})
    with pytest.raises(AssertionError):
        STEPS.histogram({})
