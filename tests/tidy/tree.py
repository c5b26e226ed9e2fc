"""The checkout as the tidy tests see it: its Python files, and what they import.

A `Source` is a path and a text. The rules take sources and return complaints, so that each of them can be
fed a bad one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("protocol", "game_server", "game_client", "demo_game", "demo_client")
FOLDERS = (*PACKAGES, "bench", "examples", "tests")


@dataclass(frozen=True)
class Source:
    """One Python file: its path below the checkout, with slashes, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed module."""
        return ast.parse(self.text, self.path)

    @property
    def folder(self) -> str:
        """The top-level folder."""
        return self.path.split("/", 1)[0]

    @property
    def module(self) -> str:
        """The dotted name by which others import it."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` is `a.b.c`, as c may be a module."""

    name: str
    line: int
    lazy: bool  # inside a function or under TYPE_CHECKING: importing the module does not import it

    def inside(self, *modules: str) -> bool:
        """Whether it is one of the modules, or in one of them."""
        return any(self.name == m or self.name.startswith(m + ".") for m in modules)


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file of the folders, in order of path."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(Source(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8")) for p in paths)


def imports(source: Source) -> list[Import]:
    """Every import statement of a module, relative ones resolved, wherever it stands."""
    return list(_imports(source, source.tree, lazy=False))


def _imports(source: Source, node: ast.AST, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, lazy)
        elif isinstance(child, ast.ImportFrom):
            base = _absolute(source, child)
            for alias in child.names:
                yield Import(base if alias.name == "*" else f"{base}.{alias.name}", child.lineno, lazy)
        else:
            yield from _imports(source, child, lazy or _defers(child))


def _defers(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _absolute(source: Source, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    folders = source.path.split("/")[: -node.level]
    return ".".join([*folders, *([node.module] if node.module else [])])


def report(complaints: list[str]) -> None:
    """Fail with every complaint, one a line."""
    assert not complaints, "\n".join([f"{len(complaints)} complaint(s)", *complaints])
