"""Metrics: `docs/metrics.md` describes every series as it is, and every word that is counted by has its place.

A word that `series.py` does not know is counted as "other", which helps nobody.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector

from game_server.shell.authenticators import Refused
from game_server.shell.series import (
    CODE,
    CREDENTIAL_REASON,
    CREDENTIAL_STATUSES,
    DISCONNECT_CAUSE,
    REFUSED_REASON,
    REFUSED_STATUS,
    RESUMES_REFUSED,
    SERIES,
    VIOLATIONS,
    Kind,
    Label,
    Series,
)
from tests.tidy.tree import ROOT, Source, report, sources

DOCUMENT = "docs/metrics.md"
ROW = re.compile(r"^\| `(tickwire_\w+)` \| (\w+) \|([^|]*)\| (.+) \|$", re.MULTILINE)
NAME = re.compile(r"\btickwire_[a-z0-9_]+")
SAMPLE_SUFFIX = re.compile(r"_(bucket|sum|count)$")

_CAUSES = (*VIOLATIONS.labels, DISCONNECT_CAUSE)
# Which calls bring a word to count by: the call's name, the keyword or position of the word, where it must be known.
WORDS: tuple[tuple[str, str, int | None, tuple[Label, ...]], ...] = (
    ("PeerFault", "close_code", 1, (CODE,)),
    ("PeerFault", "cause", 2, _CAUSES),
    ("CloseSocket", "code", 0, (CODE,)),
    ("CloseSocket", "cause", 2, _CAUSES),
    ("violation", "cause", 0, VIOLATIONS.labels),
    ("abort", "code", 0, (CODE,)),
    ("abort", "cause", 1, (DISCONNECT_CAUSE,)),
    ("disconnected", "code", 0, (CODE,)),
    ("disconnected", "cause", 1, (DISCONNECT_CAUSE,)),
    ("Refused", "status", 0, (REFUSED_STATUS,)),
    ("Refused", "reason", None, (REFUSED_REASON,)),
    ("upgrade_refused", "status", 0, (REFUSED_STATUS,)),
    ("upgrade_refused", "reason", 1, (REFUSED_REASON,)),
    ("_agreed", "reason", 1, (REFUSED_REASON,)),
    ("Verdict", "reason", 0, (REFUSED_REASON,)),
    ("Verdict", "status", 1, (REFUSED_STATUS,)),
    ("refused_resume", "reason", 0, RESUMES_REFUSED.labels),
    ("Refusal", "reason", 2, RESUMES_REFUSED.labels),
    ("Violation", "cause", 2, _CAUSES),
    ("Ending", "code", 0, (CODE,)),
    ("Ending", "cause", 1, (DISCONNECT_CAUSE,)),
)
# Tables of such words by the name of the constant: what its keys are, and its values with the default of its `get`.
TABLES: dict[str, tuple[tuple[Label, ...], tuple[Label, ...]]] = {
    "CAUSES": ((CODE,), (DISCONNECT_CAUSE,)),
    "VIOLATION_CAUSES": ((CODE,), _CAUSES),
    "REASONS": ((REFUSED_STATUS,), (REFUSED_REASON,)),
}
# Variables that hold such a word.
VARIABLES = {"cause": (DISCONNECT_CAUSE,)}
# Labels whose values the document need not name: close codes and causes are told of elsewhere, versions change.
UNTOLD = {"code", "cause", "version", "python"}


def documented(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name -> (type, labels), of every row of the document's tables."""
    return {name: (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in ROW.findall(text)}


def exported(rows: Iterable[Series]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """The same, of what a node exports."""
    process = ProcessCollector("tickwire", registry=None).collect()
    return {
        **{row.name: (row.kind.value, tuple(label.name for label in row.labels)) for row in rows},
        **{each.name + ("_total" if each.type == "counter" else ""): (each.type, ()) for each in process},
    }


def document_complaints(text: str, rows: Iterable[Series]) -> list[str]:
    """Where the document and the table differ."""
    told, real = documented(text), exported(rows)
    mentioned = {SAMPLE_SUFFIX.sub("", name) if name not in real else name for name in NAME.findall(text)}
    return [
        *(f"{DOCUMENT}: {name} is not documented" for name in sorted(real.keys() - told.keys())),
        *(f"{DOCUMENT}: {name} is no series" for name in sorted(mentioned - real.keys())),
        *(
            f"{DOCUMENT}: {name} is a {real[name][0]} with labels {real[name][1]}, not {told[name]}"
            for name in sorted(real.keys() & told.keys())
            if real[name] != told[name]
        ),
        *(
            f"{DOCUMENT}: {value} is a {label.name} of {row.name} and is not told"
            for row in rows
            for label in row.labels
            for value in label.values
            if label.name not in UNTOLD and f"`{value}`" not in text
        ),
    ]


def unknown_words(source: Source) -> list[str]:
    """Words in a file's calls and tables by which something would be counted as "other"."""
    return [
        f"{source.path}:{word.lineno}: {word.value!r} is no {label.name} of series.py: it would be counted as other"
        for expression, labels in _words(source)
        for word in _constants(expression)
        for label in labels
        if str(word.value) not in label.values
    ]


def _constants(expression: ast.expr | None) -> list[ast.Constant]:
    match expression:
        case ast.Constant(value=str() | int()):
            return [expression]
        case ast.IfExp(body=body, orelse=orelse):
            return [*_constants(body), *_constants(orelse)]
        case _:
            return []


def _words(source: Source) -> Iterator[tuple[ast.expr | None, tuple[Label, ...]]]:
    for node in ast.walk(source.tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=table), attr="get"), args=[_, default]):
                if table in TABLES:
                    yield default, TABLES[table][1]
            case ast.Call():
                called = ast.unparse(node.func).rpartition(".")[2]
                for name, keyword, position, labels in WORDS:
                    if name == called:
                        yield _argument(node, keyword, position), labels
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield from _assigned(name, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                yield from _assigned(name, value)


def _assigned(name: str, value: ast.expr | None) -> Iterator[tuple[ast.expr | None, tuple[Label, ...]]]:
    if name in VARIABLES:
        yield value, VARIABLES[name]
    if name in TABLES and isinstance(value, ast.Dict):
        of_keys, of_values = TABLES[name]
        yield from ((key, of_keys) for key in value.keys)
        yield from ((each, of_values) for each in value.values)


def _argument(call: ast.Call, keyword: str, position: int | None) -> ast.expr | None:
    found = next((each.value for each in call.keywords if each.arg == keyword), None)
    if found is None and position is not None and len(call.args) > position:
        return call.args[position]
    return found


def test_the_document_describes_every_series_and_no_other() -> None:
    report(document_complaints((ROOT / DOCUMENT).read_text(encoding="utf-8"), SERIES))


def test_every_word_that_is_counted_by_is_known() -> None:
    report([line for source in sources("protocol", "game_server") for line in unknown_words(source)])


def test_reasons_of_a_credential_are_reasons_of_a_refusal() -> None:
    assert set(CREDENTIAL_REASON.values) <= set(REFUSED_REASON.values)
    assert set(VIOLATIONS.labels[0].values) <= set(DISCONNECT_CAUSE.values)
    assert {401, 403, 409} == CREDENTIAL_STATUSES
    assert Refused(403, "why").reason in CREDENTIAL_REASON.values


def test_a_document_that_differs_is_caught() -> None:
    rows = [Series("tickwire_a_total", Kind.COUNTER, "A.", (Label("step", ("x",)),))]
    good = "\n".join(
        f"| `{name}` | {kind} | {', '.join(f'`{each}`' for each in labels)} | `x`, what |"
        for name, (kind, labels) in exported(rows).items()
    )
    assert not document_complaints(good, rows)
    assert not document_complaints(good + "\n`rate(tickwire_a_total[5m])`", rows)
    assert document_complaints(good.replace("tickwire_a_total", "tickwire_b_total"), rows)
    assert document_complaints(good.replace("`step`", "`stage`"), rows)
    assert document_complaints(good.replace("| counter | `step`", "| gauge | `step`"), rows)
    assert document_complaints(good + "\nalert on tickwire_gone_total", rows)
    assert document_complaints(good.replace("`x`", "`y`"), rows)


def test_a_word_without_a_place_is_caught() -> None:
    for call in (
        'PeerFault("why", 1008, "speed")',
        'PeerFault("why", cause="speed")',
        'raise Refused(403, "why", reason="weather")',
        'self.peer.abort(1006, "weather")',
        'counts.refused_resume("weather")',
        'raise Refused(418, "why", reason="rate")',
        'raise Refused(403, "why", reason="weather" if it_rains else "rate")',
        'tally.upgrade_refused(418, "rate")',
        'Verdict("weather", 503, "why", 1)',
        'Verdict("rate", 418, "why", 1)',
        'Refusal(4005, "why", "weather")',
        'cause = "weather"',
        'CAUSES = {1000: "over", 1001: "weather"}',
        'CAUSES: dict[int, str] = {1000: "weather"}',
        'CAUSES = {999: "over"}',
        'REASONS = {405: "weather"}',
        'REASONS = {418: "method"}',
        'Refused(status, "why", reason=REASONS.get(status, "weather"))',
    ):
        assert unknown_words(Source("a.py", call)), call
    good = 'PeerFault("why", 1008, "rate")\nabort()\nRefused(400, reason=word)\nREASONS.get(1)\nnames.get(1, "weather")'
    assert not unknown_words(Source("a.py", good))
