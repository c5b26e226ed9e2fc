"""`python -m demo_client [URL] --name NAME`: the window from a terminal."""

import argparse
import sys

from demo_client.app import SIZE, run


def window_size(text: str) -> tuple[int, int]:
    """Return the size that `1280x720` means."""
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 320 <= int(width) <= 7680 and 240 <= int(height) <= 4320):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1280x720")
    return int(width), int(height)


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, run the window, return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m demo_client", description="The window for Arena.")
    parser.add_argument(
        "url", nargs="?", help="a server or its lobby, ws://host:port, or a match, ws://host:port/v1/match/<id>"
    )
    parser.add_argument("--name", default="", help="your name; with an address it skips the join screen")
    parser.add_argument("--screenshot", metavar="FILE", help="run unseen, save the last frame as a PNG")
    parser.add_argument("--seconds", type=float, help="stop after so many seconds")
    parser.add_argument("--autopilot", action="store_true", help="let a bot fly")
    parser.add_argument("--quick-play", action="store_true", help="go on from the lobby into a match at once")
    parser.add_argument("--size", type=window_size, default=SIZE, help="size of the window, 1280x720")
    given = parser.parse_args(arguments)
    return run(given.url, given.name, given.seconds, given.screenshot, given.autopilot, given.size, given.quick_play)


if __name__ == "__main__":
    sys.exit(main())
