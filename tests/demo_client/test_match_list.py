"""`demo_client/match_list.py`."""

from demo_client.match_list import MatchList

NAMES = [f"m-{number}" for number in range(10)]


def shown(rows: int = 4) -> MatchList:
    matches = MatchList()
    matches.show(NAMES, rows)
    return matches


def test_the_first_match_is_selected_and_moving_scrolls() -> None:
    matches = shown()
    assert (matches.selected, matches.top) == ("m-0", 0)
    matches.move(4)
    assert (matches.selected, matches.top) == ("m-4", 1)
    matches.move(100)
    assert (matches.selected, matches.top) == ("m-9", 6)
    matches.move(-100)
    assert (matches.selected, matches.top) == ("m-0", 0)


def test_matches_that_come_and_go_above_do_not_move_the_selection() -> None:
    matches = shown()
    matches.select("m-2")
    matches.show(["new", *NAMES], 4)
    assert matches.selected == "m-2"
    matches.show(NAMES[1:], 4)
    assert matches.selected == "m-2"


def test_the_line_of_a_match_that_went_is_kept() -> None:
    matches = shown()
    matches.select("m-9")
    matches.show(NAMES[:9], 4)
    assert matches.selected == "m-8"
    matches.show([], 4)
    assert (matches.selected, matches.top) == ("", 0)
    matches.show(NAMES, 4)
    assert matches.selected == "m-0"


def test_a_selection_that_was_seen_stays_seen_with_fewer_lines_and_a_scrolled_one_away() -> None:
    matches = shown()
    matches.move(3)
    matches.show(NAMES, 2)
    assert matches.top == 2
    matches.scroll(-2)
    matches.show(NAMES, 2)
    assert (matches.selected, matches.top) == ("m-3", 0)


def test_scrolling_ends_at_both_ends_and_a_page_keeps_a_line() -> None:
    matches = shown()
    matches.scroll(100)
    assert matches.top == 6
    matches.scroll(-100)
    assert matches.top == 0
    assert matches.page() == 3
    assert shown(1).page() == 1


def test_a_match_that_is_not_there_cannot_be_selected() -> None:
    matches = shown()
    matches.select("elsewhere")
    assert matches.selected == "m-0"
