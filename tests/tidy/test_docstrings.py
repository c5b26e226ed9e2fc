"""Every public name of the packages has a docstring.

A name is public when neither it nor a class around it starts with an underscore. Exempt is what the reader
finds described elsewhere: overrides (marked `@override`), overloads, setters, a game's hooks in a subclass.
"""

from __future__ import annotations

import ast

import pytest

from tests.tidy.tree import PACKAGES, Source, report, sources

HOOKS = ("can_see",)  # and on_*: described once, at game_server.Game


def undocumented(source: Source) -> list[str]:
    """`path:line: name` of every public name without a docstring."""
    found = [] if ast.get_docstring(source.tree) else [f"{source.path}:1: the module has no docstring"]
    return found + _undocumented_in(source, source.tree, "", derived=False)


def _undocumented_in(
    source: Source, parent: ast.Module | ast.ClassDef, prefix: str, derived: bool
) -> list[str]:
    found: list[str] = []
    for node in _definitions(parent):
        if node.name.startswith("_") or _is_exempt(node, derived):
            continue
        if not ast.get_docstring(node):
            found.append(f"{source.path}:{node.lineno}: {prefix}{node.name} has no docstring")
        if isinstance(node, ast.ClassDef):
            found += _undocumented_in(source, node, f"{prefix}{node.name}.", derived=bool(node.bases))
    return found


def _definitions(parent: ast.AST) -> list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The classes and functions of a body, those under an `if` or `try` included."""
    found: list[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef] = []
    for child in ast.iter_child_nodes(parent):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(child)
        elif isinstance(child, ast.If | ast.Try | ast.ExceptHandler):
            found += _definitions(child)
    return found


def _is_exempt(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, derived: bool) -> bool:
    marks = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
    hook = derived and (node.name.startswith("on_") or node.name in HOOKS)
    return hook or bool(marks & {"override", "overload", "setter", "deleter"})


def test_every_public_name_has_a_docstring() -> None:
    report([line for source in sources(*PACKAGES) for line in undocumented(source)])


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        '"""M."""\ndef f(): pass',
        '"""M."""\nasync def f(): pass',
        '"""M."""\nclass A: pass',
        '"""M."""\nclass A:\n    """A."""\n    def f(self): pass',
        '"""M."""\nif True:\n    def f(): pass',
        '"""M."""\nclass Game:\n    """G."""\n    def on_tick(self): pass',
    ],
)
def test_a_public_name_without_a_docstring_is_caught(text: str) -> None:
    assert undocumented(Source("a.py", text))


@pytest.mark.parametrize(
    "text",
    [
        '"""M."""\ndef _f(): pass',
        '"""M."""\nclass _A:\n    def f(self): pass',
        '"""M."""\nclass A(B):\n    """A."""\n    def on_tick(self): pass\n    def __len__(self): pass',
        '"""M."""\nclass A(B):\n    """A."""\n    @typing.override\n    def f(self): pass',
    ],
)
def test_what_needs_no_docstring_passes(text: str) -> None:
    assert not undocumented(Source("a.py", text))
