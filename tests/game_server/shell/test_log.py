"""The log: one format, no secrets, no floods."""

import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog

from game_server.shell.log import ENDS_MAX, REPEATS_MAX, RepeatLimit, configure_log, get_log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_when_it_is_no_terminal(stream: io.StringIO) -> None:
    configure_log("info", "auto", stream)
    get_log(match="1").info("seat_taken", seat=3)
    (line,) = lines(stream)
    assert (line["event"], line["match"], line["seat"], line["level"]) == ("seat_taken", "1", 3, "info")


def test_pretty_lines_are_for_people(stream: io.StringIO) -> None:
    configure_log("info", "pretty", stream)
    get_log().info("seat_taken", seat=3)
    assert "seat_taken" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    configure_log("warning", "json", stream)
    get_log().info("quiet")
    get_log().warning("loud")
    assert [line["event"] for line in lines(stream)] == ["loud"]


def test_tokens_and_payloads_never_reach_the_log(stream: io.StringIO) -> None:
    configure_log("info", "json", stream)
    get_log().info("hello", token="s3cret", payload="s3cret", anything=b"s3cret")
    assert "s3cret" not in stream.getvalue()
    assert lines(stream)[0]["anything"] == "<6 bytes>"


def test_an_error_brings_its_traceback(stream: io.StringIO) -> None:
    configure_log("info", "json", stream)
    try:
        raise ValueError("why")
    except ValueError:
        get_log().error("failed", exc_info=True)
    assert "ValueError: why" in str(lines(stream)[0]["exception"])


def test_the_standard_library_takes_the_same_road(stream: io.StringIO) -> None:
    configure_log("info", "json", stream)
    logging.getLogger("asyncio").error("loop trouble %d", 7)
    assert lines(stream)[0]["event"] == "loop trouble 7"


@pytest.mark.parametrize("format", ["json", "pretty"])
def test_a_pipe_without_a_reader_loses_lines_and_raises_nothing(stream: io.StringIO, format: str) -> None:
    reading, writing = os.pipe()
    pipe = os.fdopen(writing, "w", buffering=1)
    configure_log("info", format, pipe)
    get_log().info("heard")
    assert b"heard" in os.read(reading, 1000)
    os.close(reading)
    for _ in range(100):
        get_log().info("unheard", why="x" * 1000)
    logging.getLogger("asyncio").error("unheard too")
    with pytest.raises(BrokenPipeError):
        pipe.close()
    get_log().info("the stream is closed")


def test_what_the_stream_cannot_encode_is_escaped(stream: io.StringIO) -> None:
    raw = io.BytesIO()
    configure_log("info", "pretty", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    get_log().info("seat_taken", name="Zo\u00eb \ud800")
    get_log().info("next")
    assert b"Zo\\xeb" in raw.getvalue() and b"next" in raw.getvalue()


def test_a_repeated_fault_is_written_a_few_times_then_counted() -> None:
    now = [100.0]
    limit = RepeatLimit(lambda: now[0])

    def passes(event: str, method: str = "error") -> dict[str, object] | None:
        try:
            return dict(limit(None, method, {"event": event}))
        except structlog.DropEvent:
            return None

    assert [passes("bad") is not None for _ in range(REPEATS_MAX + 20)].count(True) == REPEATS_MAX
    assert passes("other") is not None
    assert passes("bad", "info") is not None
    assert [passes("upgrade_refused", "info") is not None for _ in range(20)].count(True) == REPEATS_MAX
    now[0] += 11
    line = passes("bad")
    assert line is not None and line["suppressed"] == 20


@pytest.mark.parametrize("event", ["disconnected", "seat_taken", "seat_left", "seat_away", "seat_resumed"])
def test_every_end_and_seat_is_written_until_there_are_very_many(event: str) -> None:
    limit = RepeatLimit(lambda: 0.0)
    for _ in range(ENDS_MAX):
        assert limit(None, "info", {"event": event, "match": "1"})
    with pytest.raises(structlog.DropEvent):
        limit(None, "info", {"event": event, "match": "1"})
    assert limit(None, "info", {"event": event, "match": "2"})


def test_a_long_sentence_is_cut(stream: io.StringIO) -> None:
    configure_log("info", "json", stream)
    get_log().info("disconnected", sentence="y" * 200)
    get_log().info("disconnected", sentence="x" * 5000)
    whole, cut = (str(line["sentence"]) for line in lines(stream))
    assert whole == "y" * 200
    assert len(cut) == 200 and cut.endswith("x...")


def test_many_different_faults_do_not_fill_the_memory() -> None:
    limit = RepeatLimit(lambda: 0.0)
    for number in range(5000):
        limit(None, "error", {"event": f"fault {number}"})
    assert len(limit._seen) <= 1000


def test_where_several_nodes_write_every_line_names_its_own(stream: io.StringIO) -> None:
    configure_log("info", "json", stream, node="east-1")
    get_log().info("serving")
    get_log().info("node_seen", node="west-1")
    logging.getLogger("asyncio").warning("a complaint")
    assert [line["node"] for line in lines(stream)] == ["east-1", "west-1", "east-1"]
