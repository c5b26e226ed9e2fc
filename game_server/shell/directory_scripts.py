"""The directory's scripts: Lua files beside this one; those of the lobby begin with what they share.

To test: `tests/game_server/shell/test_directory_scripts.py`.
"""

from functools import cache
from importlib.resources import files

from game_server.shell.redis_link import Script

_FOLDER = files("game_server.shell").joinpath("scripts")


@cache
def script(name: str) -> Script:
    """Return a script by the name of its file."""
    text = _FOLDER.joinpath(f"{name}.lua").read_text(encoding="utf-8")
    if name.startswith("lobby_"):
        text = _FOLDER.joinpath("lobby_common.lua").read_text(encoding="utf-8") + text
    return Script(text)
