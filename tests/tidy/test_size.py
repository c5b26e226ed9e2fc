"""The size ratchet: no function over 60 lines (its docstring not counted), no file over 500.

What was over the limit when the ratchet was made stands in `size_ratchet.txt`, with its size; it may only
shrink.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.tree import FOLDERS, Source, report, sources

FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 500
RATCHET = Path(__file__).with_name("size_ratchet.txt")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def oversized(source: Source) -> dict[str, int]:
    """What is over its limit in a file: `path` or `path::function`, and its lines."""
    found = {f"{source.path}::{name}": n for name, n in _functions(source.tree) if n > FUNCTION_LINES_MAX}
    file_lines = len(source.text.splitlines())
    if file_lines > FILE_LINES_MAX:
        found[source.path] = file_lines
    return found


def _functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, function_lines(child)
        name = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
        yield from _functions(child, name)


def function_lines(node: Function) -> int:
    """The lines from `def` to the end, without the docstring's."""
    assert node.end_lineno is not None, "a parsed function has an end"
    lines = node.end_lineno - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def read_ratchet(text: str) -> dict[str, int]:
    """The allowance: lines of `name size`; `#` starts a comment."""
    rows = [line.split("#")[0].split() for line in text.splitlines()]
    return {name: int(size) for name, size in filter(None, rows)}


def ratchet_complaints(found: dict[str, int], allowed: dict[str, int]) -> list[str]:
    """What grew beyond its allowance, and allowances that are larger than what they allow."""
    grown = [
        f"{name}: {lines} lines; at most {allowed.get(name, 'the limit')}: make it smaller"
        for name, lines in found.items()
        if lines > allowed.get(name, 0)
    ]
    loose = [
        f"{name}: allowed {lines} lines in {RATCHET.name}, has {found.get(name, 'no excess')}: tighten it"
        for name, lines in allowed.items()
        if lines > found.get(name, 0)
    ]
    return grown + loose


def test_nothing_is_larger_than_the_limits_and_the_ratchet_allow() -> None:
    found: dict[str, int] = {}
    for source in sources(*FOLDERS):
        found |= oversized(source)
    report(ratchet_complaints(found, read_ratchet(RATCHET.read_text(encoding="utf-8"))))


def _function_of(lines: int, docstring_lines: int = 0) -> str:
    docstring = ['    """' + "\n" * (docstring_lines - 1) + '    """'] if docstring_lines else []
    return "\n".join(["def f():", *docstring, *["    x = 1"] * (lines - 1)])


def test_a_function_of_61_lines_is_caught() -> None:
    assert oversized(Source("a.py", _function_of(61))) == {"a.py::f": 61}
    assert not oversized(Source("a.py", _function_of(60)))


def test_a_docstring_does_not_count() -> None:
    assert not oversized(Source("a.py", _function_of(60, docstring_lines=20)))
    assert oversized(Source("a.py", _function_of(61, docstring_lines=20))) == {"a.py::f": 61}


def test_a_method_is_named_by_its_class() -> None:
    text = "class A:\n" + "\n".join("    " + line for line in _function_of(61).splitlines())
    assert oversized(Source("a.py", text)) == {"a.py::A.f": 61}


def test_a_file_of_501_lines_is_caught() -> None:
    assert oversized(Source("a.py", "x = 1\n" * 501)) == {"a.py": 501}
    assert not oversized(Source("a.py", "x = 1\n" * 500))


def test_the_ratchet_only_tightens() -> None:
    allowed = read_ratchet("# why\na.py::f 70  # a table\n\n")
    assert allowed == {"a.py::f": 70}
    assert not ratchet_complaints({"a.py::f": 70}, allowed)
    assert ratchet_complaints({"a.py::f": 71}, allowed)
    assert ratchet_complaints({"a.py::f": 69}, allowed)
    assert ratchet_complaints({}, allowed)
