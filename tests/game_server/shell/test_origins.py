"""Origins: which pages may open a socket."""

import pytest

from game_server.shell.origins import is_loopback_host, normal_origin, origin_passes, parse_origins
from protocol.errors import UsageFault


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://Game.Example", "https://game.example:443"),
        ("http://game.example:80", "http://game.example:80"),
        ("http://127.0.0.1:7777", "http://127.0.0.1:7777"),
        ("http://[::1]:7777", "http://[::1]:7777"),
        ("app://client", "app://client"),
    ],
)
def test_origins_are_compared_with_their_port_in_small_letters(text: str, normal: str) -> None:
    assert normal_origin(text) == normal
    assert normal_origin(normal) == normal


@pytest.mark.parametrize(
    "text",
    ["null", "", "game.example", "https://", "https://a@b", "https://a/", "https://a?b", "https://a#b", "https://a:99999",
     "https://a b", "https://[::1", "https://ä.example", "https://a\nb"],
)  # fmt: skip
def test_what_is_no_origin_is_none(text: str) -> None:
    assert normal_origin(text) is None


def test_programs_name_no_origin_and_pass() -> None:
    assert origin_passes(None, None, frozenset())
    assert origin_passes(None, "game.example", parse_origins("https://other.example"))


def test_without_a_list_the_origin_must_be_the_host_that_was_asked() -> None:
    for origin, host in (
        ("https://game.example", "game.example"),
        ("https://game.example", "game.example:443"),
        ("http://game.example:80", "game.example"),
        ("http://GAME.example:7777", "game.example:7777"),
        ("http://[::1]:7777", "[::1]:7777"),
    ):
        assert origin_passes(origin, host, frozenset()), (origin, host)
    for origin, host in (
        ("https://game.example", "game.example:80"),
        ("http://game.example", "game.example:443"),
        ("https://evil.example", "game.example"),
        ("https://game.example.evil.example", "game.example"),
        ("null", "game.example"),
        ("https://game.example", None),
        ("https://game.example", ""),
        ("https://game.example", "game.example/"),
    ):
        assert not origin_passes(origin, host, frozenset()), (origin, host)


def test_with_a_list_only_what_stands_in_it_passes() -> None:
    allowed = parse_origins("https://game.example, http://localhost:3000")
    assert origin_passes("https://game.example:443", "x", allowed)
    assert origin_passes("http://localhost:3000", "x", allowed)
    assert not origin_passes("http://game.example", "x", allowed)
    assert not origin_passes("http://x", "x", allowed)
    assert origin_passes("null", "x", parse_origins("*"))


def test_a_list_that_holds_no_origin_is_told() -> None:
    with pytest.raises(UsageFault, match=r"'game.example' is no origin"):
        parse_origins("game.example")


def test_loopback_is_known_by_its_address_or_its_one_name() -> None:
    for host in ("localhost", "LOCALHOST:7777", "127.0.0.1", "127.8.8.8:1", "[::1]:7777"):
        assert is_loopback_host(host), host
    for host in ("evil.test:7777", "localhost.evil.test", "127.0.0.1.evil.test", "192.0.2.7", "", None, "a@localhost"):
        assert not is_loopback_host(host), host
