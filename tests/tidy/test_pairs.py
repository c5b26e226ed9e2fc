"""Every source file has the test file that mirrors it.

`protocol/codec.py` is tested by `tests/protocol/test_codec.py`. A room of game_server is found by its own
name too, as the house has it: `game_server/sim/match.py` by `tests/sim/test_match.py`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from tests.tidy.tree import ROOT, Source, report, sources

MIRRORED = ("protocol", "game_server", "game_client", "demo_game")
# Names too thin for a test file of their own: what they hold is tested where it is used.
THIN_NAMES = ("__main__.py", "describe.py", "facts.py", "hooks.py", "ids.py", "seat.py",
              "statistics.py")  # fmt: skip


def unpaired(sources: Iterable[Source], tests: Iterable[str]) -> list[str]:
    """Sources without a test file among the paths given."""
    tests = set(tests)
    return [
        f"{source.path}: no test file; wanted {' or '.join(wanted)}"
        for source in sources
        if not is_thin(source)
        for wanted in [wanted_tests(source.path)]
        if not tests.intersection(wanted)
    ]


def wanted_tests(path: str) -> list[str]:
    """The test files that would mirror a source file, the likeliest first."""
    folder, _, name = path.rpartition("/")
    short = folder.removeprefix("game_server/")
    return [f"tests/{place}/test_{name}" for place in dict.fromkeys((short, folder))]


def is_thin(source: Source) -> bool:
    """Whether a file is exempt: by name, or an `__init__` that defines no function or class."""
    name = source.path.rpartition("/")[2]
    if name != "__init__.py":
        return name in THIN_NAMES
    # The package's front door may have a lazy `__getattr__` or `serve`; a class would be a module's worth.
    return not any(isinstance(node, ast.ClassDef) for node in source.tree.body)


def test_every_source_file_has_its_test_file() -> None:
    tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")]
    report(unpaired(sources(*MIRRORED), tests))


def test_a_source_without_a_test_is_caught() -> None:
    lone = Source("game_server/sim/match.py", "x = 1")
    assert unpaired([lone], ["tests/sim/test_world.py", "tests/session/test_match.py"])
    assert not unpaired([lone], ["tests/sim/test_match.py"])
    assert not unpaired([lone], ["tests/game_server/sim/test_match.py"])


def test_an_init_with_a_class_wants_a_test() -> None:
    assert unpaired([Source("protocol/__init__.py", "class A: pass")], [])
    assert not unpaired([Source("protocol/__init__.py", "from .ids import Tick")], [])
