"""The log: structlog to stderr, pretty on a terminal, one JSON object a line otherwise.

A line is an event name and fields (node, match, session, seat, tick). Tokens and payloads are replaced before they
reach a renderer, and a fault that repeats is written five times in ten seconds, then counted. A line that cannot be
written (a reader that went away, a full disk) is lost; whoever wrote it never hears of it.
To test: `tests/game_server/shell/test_log.py`.
"""

import logging
import sys
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger

REPEATS_MAX = 5
REPEAT_WINDOW_S = 10.0
FAULTS_MAX = 1000
# Whoever dials can cause these as often as they like, so they are limited at any level.
CAUSED_BY_PEERS = frozenset({"upgrade_refused"})
# Where a connection or a seat goes is told each time, since support asks for it; whoever dials can cause these too, so
# that more than this in a window is somebody filling the disk.
ENDS_MAX = 1000
END, OF_A_SEAT = "disconnected", "seat_"
SENTENCE_LENGTH_MAX = 200
SECRET = frozenset(
    {"token", "resume_token", "ticket", "authorization", "credential", "secret", "payload", "frame", "data", "password"}
)

Line = MutableMapping[str, Any]


class UnbreakableStream:
    """A stream whose faults are nobody's: a pipe that lost its reader must not end a match."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose, `text`; what the stream's encoding lacks is escaped."""
        # ValueError is what a closed stream raises; UnicodeError is one too, and so comes first.
        with suppress(OSError, ValueError):
            try:
                self._stream.write(text)
            except UnicodeError:
                self._stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        return len(text)

    def flush(self) -> None:
        """Flush, if that can be done."""
        with suppress(OSError, ValueError):
            self._stream.flush()


class RepeatLimit:
    """Drops a fault that came `REPEATS_MAX` times within the window; the next one says how many were dropped.

    Connections that end and seats that change hands are no fault, and get a higher limit.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._seen: dict[tuple[str, str, str], tuple[float, int]] = {}

    def __call__(self, logger: Any, method: str, line: Line) -> Line:
        """Pass the line or raise `structlog.DropEvent`."""
        event = str(line.get("event"))
        told_each_time = event == END or event.startswith(OF_A_SEAT)
        if method in ("debug", "info") and event not in CAUSED_BY_PEERS and not told_each_time:
            return line
        repeats_max = ENDS_MAX if told_each_time else REPEATS_MAX
        key = (method, event, str(line.get("match", "")))
        now = self._clock_s()
        since, count = self._seen.get(key, (now, 0))
        if now - since >= REPEAT_WINDOW_S:
            if count > repeats_max:
                line["suppressed"] = count - repeats_max
            since, count = now, 0
        if len(self._seen) >= FAULTS_MAX and key not in self._seen:
            # Event names are few; if they are not, forgetting costs some repeated lines, never memory.
            self._seen.clear()
        self._seen[key] = (since, count + 1)
        if count >= repeats_max:
            raise structlog.DropEvent
        return line


def without_secrets(logger: Any, method: str, line: Line) -> Line:
    """Replace tokens, payloads and any bytes by their length."""
    for key, value in line.items():
        if isinstance(value, bytes | bytearray | memoryview):
            line[key] = f"<{len(value)} bytes>"
        elif key in SECRET:
            line[key] = "<hidden>"
    return line


def short_sentence(logger: Any, method: str, line: Line) -> Line:
    """Cut a sentence that is long: some of them repeat what a peer or a game wrote."""
    sentence = line.get("sentence")
    if isinstance(sentence, str) and len(sentence) > SENTENCE_LENGTH_MAX:
        line["sentence"] = sentence[: SENTENCE_LENGTH_MAX - 3] + "..."
    return line


def _name_node(node: str, logger: Any, method: str, line: Line) -> Line:
    line.setdefault("node", node)
    return line


def configure_log(level: str = "info", format: str = "auto", stream: TextIO | None = None, node: str = "") -> None:
    """Send structlog's and the standard library's lines to `stream` (stderr) in one format.

    With a `node` every line names it, for where the lines of several are read together.
    """
    stream = stream or sys.stderr
    pretty = format == "pretty" or (format == "auto" and stream.isatty())
    stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty)
    unbreakable = cast(TextIO, UnbreakableStream(stream))
    shared: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, stamp]
    if node:
        shared.append(partial(_name_node, node))
    renderer: Any
    if pretty:
        plain = structlog.dev.plain_traceback
        renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)
    else:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[RepeatLimit(), *shared, without_secrets, short_sentence, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(unbreakable),
        cache_logger_on_first_use=False,
    )
    # asyncio's and websockets' own complaints take the same road, so that a JSON log is JSON to the last line.
    handler = logging.StreamHandler(unbreakable)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, without_secrets, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def get_log(**fields: Any) -> FilteringBoundLogger:
    """Return a logger that adds `fields` to every line."""
    log: FilteringBoundLogger = structlog.get_logger(**fields)
    return log
