"""Writes PROTOCOL.md from the table: `python -m protocol.describe` rewrites it, a test fails when it is stale."""

import pathlib
from typing import Any

from protocol import close_codes, fields, handshake, lobby_messages, messages, rows, state_codec

DOCUMENT = pathlib.Path(__file__).with_name("PROTOCOL.md")


def _section(text: str | None) -> str:
    return (text or "").strip()


def _message(row: rows.Row) -> list[str]:
    lines = [f"### {row.name} (tag {row.tag}, {row.direction.value})", "", _section(row.cls.__doc__), ""]
    lines += ["| field | range |", "|---|---|"]
    lines += [f"| {name} | {check} |" for name, check in row.fields]
    if row.optional:
        lines.append(f"| {row.optional[0]} (optional) | {row.optional[1]} |")
    return [*lines, ""]


def _enum(cls: Any) -> list[str]:
    return [f"**{cls.__name__}**: " + ", ".join(f"{each.value} {each.name}" for each in cls), ""]


def describe() -> str:
    """Return the text of PROTOCOL.md."""
    lines = [
        f"# The wire, version {messages.VERSION}",
        "",
        "Written by `python -m protocol.describe` from `messages.py` and `lobby_messages.py`; do not edit.",
        "",
        f"Subprotocol `{messages.SUBPROTOCOL}`, one message per binary WebSocket frame, no compression.",
        "",
        "## Handshake",
        "",
        _section(handshake.__doc__),
        "",
        "## Messages of a match",
        "",
        *[line for row in messages.TABLE for line in _message(row)],
        *_enum(messages.KeyframeReason),
        *_enum(messages.Role),
        *_enum(messages.StateFlag),
        f"The clock generation (0..{messages.CLOCK_MODULO - 1}) stands in flags from bit {messages.CLOCK_SHIFT} up.",
        "",
        "## Messages of the lobby",
        "",
        _section(lobby_messages.__doc__),
        "",
        *[line for row in lobby_messages.LOBBY_TABLE for line in _message(row)],
        *_enum(lobby_messages.RefusedCode),
        *_enum(lobby_messages.Where),
        "## Fields",
        "",
        _section(fields.__doc__),
        "",
        "## State",
        "",
        _section(state_codec.__doc__),
        "",
        "## Close codes",
        "",
        "| code | meaning | whose fault | client | seat |",
        "|---|---|---|---|---|",
    ]
    for row in close_codes.CLOSE_CODES.values():
        seat = "kept for the grace time" if row.keeps_seat else "given up"
        lines.append(f"| {row.code} | {row.meaning} | {row.fault} | {row.client.value} | {seat} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(describe(), encoding="utf-8")
