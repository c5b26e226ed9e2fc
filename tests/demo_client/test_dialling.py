"""`demo_client/dialling.py`."""

from demo_client.dialling import has_display, lobby_address, names_match


def test_a_window_needs_a_display() -> None:
    assert not has_display({}, "linux")
    assert has_display({"DISPLAY": ":0"}, "linux")
    assert has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
    assert has_display({}, "darwin")
    assert not has_display({"DISPLAY": ":0", "SDL_VIDEODRIVER": "dummy"}, "linux")


def test_a_server_s_address_is_that_of_its_lobby_and_a_match_s_stays_one() -> None:
    for address in ("ws://a:7777", "ws://a:7777/", "ws://a:7777/v1/lobby", "ws://a:7777/v1/lobby/"):
        assert not names_match(address)
        assert lobby_address(address) == "ws://a:7777/v1/lobby"
    assert names_match("ws://a/v1/match/1")
    assert names_match("wss://a/n/0123456789ab/v1/match/m-1")
