"""From `path/to/file.py:Class` or `module:Class`, as typed on the command line, to the class.

To test: `tests/game_server/shell/test_load.py`.
"""

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from game_server.game import Game
from protocol.errors import UsageFault


def load_game(target: str) -> type[Game]:
    """Return the game that `target` names; its class may be left out when a file has one. Raises `UsageFault`."""
    where, name = _split(target)
    module = _module(where)
    if name:
        found = getattr(module, name, None)
        if found is None:
            raise UsageFault(f"{where} has no {name}; {_games_in(module)}")
        if not (inspect.isclass(found) and issubclass(found, Game) and found is not Game):
            raise UsageFault(f"{name} in {where} is no Game: write `class {name}(Game)`")
        return found
    games = _games(module)
    if len(games) != 1:
        raise UsageFault(f"which game of {where}? {_games_in(module)}; write {where}:<Class>")
    return games[0]


def _split(target: str) -> tuple[str, str]:
    where, colon, name = target.rpartition(":")
    return (where, name) if colon and name.isidentifier() else (target.removesuffix(":"), "")


def _games(module: ModuleType) -> list[type[Game]]:
    classes = [each for each in vars(module).values() if inspect.isclass(each) and issubclass(each, Game)]
    return [each for each in classes if each is not Game and each.__module__ == module.__name__]


def _games_in(module: ModuleType) -> str:
    names = ", ".join(each.__name__ for each in _games(module))
    return f"its games: {names}" if names else "no class in it extends Game"


def _module(where: str) -> ModuleType:
    # As `python file.py` and `python -m module` would see it.
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    return _module_of_file(Path(where)) if where.endswith(".py") else _module_by_name(where)


def _module_by_name(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise UsageFault(f"there is no module {name!r}; for a file write path/to/file.py:Class") from None
        raise UsageFault(f"{name} needs the module {error.name!r}, which is not installed") from error
    except (ValueError, TypeError) as error:
        raise UsageFault(f"{name!r} is no module's name: {error}") from None


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageFault(f"there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # A name of its own: a game called random.py must not take the place of the standard library's.
    name = f"tickwire_game_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise UsageFault(f"{path} cannot be loaded as Python")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise UsageFault(f"{path} needs the module {error.name!r}, which is not installed") from error
    except SyntaxError as error:
        raise UsageFault(f"{path}, line {error.lineno}: {error.msg}") from None
    return module
