"""From what is typed to a game's class."""

from pathlib import Path

import pytest

from game_server import Game
from game_server.shell.load import load_game
from protocol.errors import UsageFault

ONE = "from game_server import Game\nclass Solo(Game):\n    pass\n"


@pytest.fixture(autouse=True)
def clean_path(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys, "path", sys.path[:])


def written(folder: Path, text: str, name: str = "a_game.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_class_in_a_file_is_found(tmp_path: Path) -> None:
    game = load_game(written(tmp_path, ONE) + ":Solo")
    assert issubclass(game, Game) and game.__name__ == "Solo"


def test_the_class_may_be_left_out_when_there_is_one(tmp_path: Path) -> None:
    assert load_game(written(tmp_path, ONE)).__name__ == "Solo"


def test_the_class_may_not_be_left_out_when_there_are_two(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="its games: Solo, Duo"):
        load_game(written(tmp_path, ONE + "class Duo(Game):\n    pass\n"))


def test_a_game_may_import_its_neighbour_file(tmp_path: Path) -> None:
    written(tmp_path, "RATE = 7\n", "rates_of_this_test.py")
    text = "from rates_of_this_test import RATE\n" + ONE.replace("pass", "tick_rate_hz = RATE")
    assert load_game(written(tmp_path, text)).tick_rate_hz == 7


def test_a_class_of_a_module_is_found() -> None:
    assert load_game("examples.tag:Tag").__name__ == "Tag"


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("no/such/file.py:Tag", "there is no file"),
        ("no_such_module:Tag", "there is no module 'no_such_module'"),
        ("examples.no_such:Tag", "there is no module 'examples.no_such'"),
        ("examples.tag:Tga", "has no Tga; its games: Tag"),
        ("examples.tag:Steer", "is no Game"),
        ("examples.tag:Game", "is no Game"),
        ("json:JSONDecoder", "is no Game"),
        ("", "is no module's name"),
    ],
)
def test_what_is_wrong_is_said(target: str, sentence: str) -> None:
    with pytest.raises(UsageFault, match=sentence):
        load_game(target)


def test_a_missing_requirement_of_a_game_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="needs the module 'numpyy'"):
        load_game(written(tmp_path, "import numpyy\n") + ":Solo")


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="line 2"):
        load_game(written(tmp_path, "x = 1\nclass (:\n") + ":Solo")
