"""What the documents show is what the code has: the README's game, the protocol, the settings."""

from __future__ import annotations

import re

from tests.tidy.tree import ROOT, report

GAME = "class Tag(Game)"
REFUSALS = "## Refusals"
REFUSAL_ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
SETTING = re.compile(r"\bTICKWIRE_[A-Z0-9_]*[A-Z0-9]\b")


def python_blocks(markdown: str) -> list[str]:
    """The fenced Python blocks of a document."""
    return re.findall(r"^```(?:python|py)\n(.*?)^```", markdown, re.DOTALL | re.MULTILINE)


def readme_game_complaints(readme: str, example: str) -> list[str]:
    """Why the README's game is not the tested one, if it is not."""
    games = [block for block in python_blocks(readme) if GAME in block]
    if len(games) != 1:
        return [f"README.md: {len(games)} Python blocks contain `{GAME}`; there must be one"]
    if games[0].strip() not in example:
        missing = [line for line in games[0].splitlines() if line not in example.splitlines()]
        return ["README.md: its game is not a passage of examples/tag.py; lines that differ:", *missing]
    return []


def stale_complaints(document: str, generated: str) -> list[str]:
    """Where a generated document differs from what would be generated now."""
    if document == generated:
        return []
    pairs = zip(document.splitlines(), generated.splitlines(), strict=False)
    line = next((n for n, (old, new) in enumerate(pairs, 1) if old != new), "the end")
    return [f"protocol/PROTOCOL.md is stale from line {line} on: run `make docs`"]


def settings_complaints(names: set[str], document: str) -> list[str]:
    """Settings that the document does not name, and names in it that are no settings."""
    mentioned = set(SETTING.findall(document))
    return [
        *(f"docs/operating.md: {name} is not documented" for name in sorted(names - mentioned)),
        *(f"docs/operating.md: {name} is not a setting" for name in sorted(mentioned - names)),
    ]


def refusal_complaints(codes: list[str], document: str) -> list[str]:
    """Codes of refusals that the lobby's page does not explain once, and rows of it that explain no code."""
    section = document.partition(f"{REFUSALS}\n")[2].partition("\n## ")[0]
    rows = REFUSAL_ROW.findall(section)
    wrong = [code for code in codes if rows.count(code) != 1]
    return [
        *(f"docs/lobby.md: {code} has {rows.count(code)} rows under {REFUSALS}" for code in wrong),
        *(f"docs/lobby.md: {row} is no code of a refusal" for row in sorted(set(rows) - set(codes))),
    ]


def test_the_game_of_the_readme_is_the_tested_game() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    report(readme_game_complaints(readme, (ROOT / "examples/tag.py").read_text(encoding="utf-8")))


def test_protocol_md_is_fresh() -> None:
    from protocol.describe import describe

    report(stale_complaints((ROOT / "protocol/PROTOCOL.md").read_text(encoding="utf-8"), describe()))


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    from game_server.shell.settings import Settings

    prefix = Settings.model_config.get("env_prefix", "")
    assert prefix == "TICKWIRE_"
    names = {f"{prefix}{name}".upper() for name in Settings.model_fields}
    report(settings_complaints(names, (ROOT / "docs/operating.md").read_text(encoding="utf-8")))


def test_every_refusal_of_the_lobby_is_documented_and_every_documented_one_exists() -> None:
    from protocol.lobby_messages import RefusedCode

    codes = [code.value for code in RefusedCode]
    report(refusal_complaints(codes, (ROOT / "docs/lobby.md").read_text(encoding="utf-8")))


def test_a_readme_whose_game_differs_is_caught() -> None:
    example = "from game_server import Game\n\nclass Tag(Game):\n    tick_rate_hz = 20\n"
    shown = "# Hi\n```python\nclass Tag(Game):\n    tick_rate_hz = {}\n```\n"
    assert not readme_game_complaints(shown.format(20), example)
    assert readme_game_complaints(shown.format(30), example)
    assert readme_game_complaints("# no game\n", example)


def test_a_stale_document_is_caught() -> None:
    assert not stale_complaints("a\nb\n", "a\nb\n")
    assert stale_complaints("a\nb\n", "a\nc\n") == [
        "protocol/PROTOCOL.md is stale from line 2 on: run `make docs`"
    ]
    assert stale_complaints("a\n", "a\nb\n")


def test_settings_that_disagree_with_the_document_are_caught() -> None:
    assert not settings_complaints({"TICKWIRE_PORT"}, "| `TICKWIRE_PORT` | 7777 |")
    assert settings_complaints({"TICKWIRE_PORT"}, "TICKWIRE_PORTS")
    assert settings_complaints(set(), "TICKWIRE_GONE")


def test_refusals_that_disagree_with_the_document_are_caught() -> None:
    page = "# Lobby\n| `gone` | elsewhere |\n## Refusals\n| `full` | no seat |\n## After\n| `busy` | too late |\n"
    assert not refusal_complaints(["full"], page)
    assert refusal_complaints(["full", "gone"], page)
    assert refusal_complaints(["full", "busy"], page)
    assert refusal_complaints([], page)
    assert refusal_complaints(["full"], page.replace("| no seat |", "| no seat |\n| `full` | twice |"))
