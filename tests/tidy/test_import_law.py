"""Law 1 and 'May import': what each room may let in.

The porch (`shell/`, `cli.py`, `__main__.py`, `testing/`, `demo_client/`) may touch the world; the core
may not.
"""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.tidy.tree import FOLDERS, PACKAGES, ROOT, Import, Source, imports, report, sources

OF_THE_WORLD = (
    "asyncio",
    "socket",
    "time",
    "os",
    "threading",
    "logging",
    "websockets",
    "redis",
    "uvloop",
    "pygame",
)

# The first row that a module's path starts with says which of our modules it may import.
MAY_IMPORT: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("protocol/", ("protocol",)),
    ("game_server/sim/", ("protocol", "game_server.sim", "game_server.replication", "game_server.errors")),
    ("game_server/replication/", ("protocol", "game_server.replication", "game_server.errors")),
    ("game_server/session/", ("protocol", "game_server.session", "game_server.errors")),
    ("game_server/cluster/", ("protocol", "game_server.cluster", "game_server.errors")),
    ("game_server/shell/", ("protocol", "game_server")),
    ("game_server/testing/", ("protocol", "game_server", "game_client")),
    ("game_server/errors.py", ("protocol",)),
    ("game_server/game.py", ("protocol", "game_server.sim", "game_server.errors")),
    ("game_server/cli.py", ("protocol", "game_server", "game_client")),
    ("game_server/", ("protocol", "game_server")),
    ("game_client/", ("protocol", "game_client")),
    ("demo_game/arena.py", ("protocol", "game_server", "demo_game")),
    ("demo_game/", ("protocol", "demo_game")),
    ("demo_client/", ("protocol", "game_client", "demo_game", "demo_client")),
    ("examples/", ("protocol", "game_server", "game_client", "examples")),
    ("tests/", FOLDERS),
    ("bench/", FOLDERS),
)
# Shells: who, besides the shell itself, may import one; the front doors only when asked (inside a function).
SHELLS = ("game_server.shell", "game_client.shell")
SHELL_CALLERS = ("game_server/shell/", "game_client/shell/", "game_server/cli.py", "game_server/__main__.py",
                 "demo_client/", "tests/", "bench/")  # fmt: skip
FRONT_DOORS = ("game_server/__init__.py", "game_client/__init__.py")


def on_the_porch(path: str) -> bool:
    """Whether the file may touch clocks, sockets, processes and the screen."""
    parts = path.split("/")
    return (
        "shell" in parts[:-1]
        or parts[-1] in ("cli.py", "__main__.py")
        or path.startswith(("game_server/testing/", "demo_client/"))
    )


def world_in_the_core(source: Source) -> list[str]:
    """Imports of the world's modules, and draws from the unseeded `random`, in a file of the core."""
    if on_the_porch(source.path):
        return []
    found = [
        f"{source.path}:{i.line}: the core imports {i.name}; what needs it belongs in shell/"
        for i in imports(source)
        if i.inside(*OF_THE_WORLD)
    ]
    return found + unseeded_random(source)


def unseeded_random(source: Source) -> list[str]:
    """Uses of `random` other than the type `random.Random` and `random.Random(seed)`."""
    complaint = "the core draws from no generator but a seeded random.Random that is passed in"
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "random"
    }
    lines = [
        i.line for i in imports(source) if i.inside("random") and i.name not in ("random", "random.Random")
    ]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            if node.attr != "Random":
                lines.append(node.lineno)
        elif isinstance(node, ast.Call) and not node.args and not node.keywords:
            called = ast.unparse(node.func)
            if called == "Random" or called in {f"{alias}.Random" for alias in aliases}:
                lines.append(node.lineno)
    return [f"{source.path}:{line}: {complaint}" for line in sorted(lines)]


def rooms_not_allowed(source: Source) -> list[str]:
    """Imports of ours that 'May import' does not grant to this file's room."""
    allowed = next((rooms for prefix, rooms in MAY_IMPORT if source.path.startswith(prefix)), None)
    if allowed is None:
        return [f"{source.path}:1: no row of MAY_IMPORT covers this file"]
    return [
        f"{source.path}:{i.line}: {i.name} may not be imported here; only {', '.join(allowed)}"
        for i in imports(source)
        if i.inside(*FOLDERS) and not _granted(source, i, allowed)
    ]


def _granted(source: Source, imported: Import, allowed: tuple[str, ...]) -> bool:
    if imported.inside(*SHELLS) and not source.path.startswith(SHELL_CALLERS):
        return source.path in FRONT_DOORS and imported.lazy
    if imported.inside(*allowed):
        return True
    # `from game_server import sim` names a package and then a room of it: granted if every such room is.
    return any(room.startswith(imported.name + ".") for room in allowed) and "." in imported.name


def msgpack_outside_the_codec(source: Source) -> list[str]:
    """msgpack is imported once, in the codec: everyone else hands it values."""
    if source.path == "protocol/codec.py" or source.folder in ("tests", "bench"):
        return []
    return [
        f"{source.path}:{i.line}: msgpack is imported only by protocol/codec.py"
        for i in imports(source)
        if i.inside("msgpack")
    ]


def test_the_core_does_not_touch_the_world() -> None:
    report([line for source in sources(*PACKAGES) for line in world_in_the_core(source)])


def test_every_room_imports_only_what_it_may() -> None:
    report([line for source in sources(*FOLDERS) for line in rooms_not_allowed(source)])


def test_msgpack_is_imported_only_by_the_codec() -> None:
    report([line for source in sources(*PACKAGES) for line in msgpack_outside_the_codec(source)])


def test_importing_a_game_imports_neither_redis_nor_uvloop() -> None:
    code = (
        "import sys, game_server, demo_game.arena;"
        "print([m for m in ('redis', 'uvloop', 'websockets', 'pygame', 'structlog') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "import os.path",
        "from websockets.sync import client",
        "def f():\n    import time",
        "from random import choice",
        "import random\nrandom.shuffle([])",
        "import random as r\nr.Random()",
        "from random import Random\nRandom()",
    ],
)
def test_a_core_that_touches_the_world_is_caught(text: str) -> None:
    assert world_in_the_core(Source("game_server/sim/bad.py", text))
    assert not world_in_the_core(Source("game_server/shell/good.py", text))


def test_a_seeded_generator_is_allowed() -> None:
    text = (
        "import random\nfrom random import Random\nrng: random.Random = random.Random(7)\nother = Random(8)"
    )
    assert not world_in_the_core(Source("game_server/sim/match.py", text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("protocol/bad.py", "import game_server"),
        ("game_server/sim/bad.py", "from game_server.session import seat"),
        ("game_server/sim/bad.py", "from ..cluster import node"),
        ("game_server/sim/bad.py", "from game_server import session"),
        ("game_server/sim/bad.py", "from game_server import shell"),
        ("game_server/replication/bad.py", "from game_server.sim import world"),
        ("game_server/testing/bad.py", "import game_client.shell"),
        ("game_server/__init__.py", "from game_server.shell import serve"),
        ("game_client/bot.py", "from game_client.shell import connection"),
        ("game_client/bad.py", "import game_server"),
        ("demo_game/rules.py", "import game_client"),
        ("demo_client/bad.py", "from game_server import Game"),
        ("examples/bad.py", "import bench"),
        ("new_folder/bad.py", ""),
    ],
)
def test_a_forbidden_room_is_caught(path: str, text: str) -> None:
    assert rooms_not_allowed(Source(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("protocol/codec.py", "import msgpack\nfrom . import messages\nfrom .ids import Tick"),
        ("game_server/sim/match.py", "from ..replication import view\nfrom protocol import Entity"),
        ("game_server/__init__.py", "def serve(game):\n    from game_server.shell import serve"),
        ("demo_game/arena.py", "from game_server import Game"),
        ("tests/x/test_y.py", "import game_server.shell"),
    ],
)
def test_an_allowed_room_passes(path: str, text: str) -> None:
    assert not rooms_not_allowed(Source(path, text))


def test_msgpack_elsewhere_is_caught() -> None:
    assert msgpack_outside_the_codec(Source("game_server/sim/bad.py", "from msgpack import Packer"))
