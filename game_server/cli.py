"""The command `tickwire`.

To test: `tests/game_server/test_cli.py`.
"""

import json
from typing import Annotated, Any, NoReturn

import typer

from protocol.errors import NodeFault, UsageFault

USAGE = 2
FAILED = 1

app = typer.Typer(
    name="tickwire",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        from game_server.shell.ops_http import version

        typer.echo(f"tickwire {version()}")
        raise typer.Exit


@app.callback()
def tickwire(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """An authoritative multiplayer game state server: fixed ticks, msgpack deltas over WebSockets."""


@app.command()
def serve(
    target: Annotated[str, typer.Argument(help="The game: path/to/file.py:Class or module:Class.", show_default=False)],
    matches: Annotated[int | None, typer.Option(help="How many matches to run; their ids are 1 to N. [1]")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; 0.0.0.0 is all. [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port; 0 takes any free one. [7777]")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="An option of the game; VALUE is JSON or else text. May be repeated."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of match 1; the next match gets the next. [drawn]")] = None,
    auth: Annotated[str | None, typer.Option(help="dev, dev-anywhere, jwt or ticket: who may join. [dev]")] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Port of the metrics; 0 takes any free one, -1: none. [port + 1000]")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error. [info]")] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, pretty or json. [auto]")] = None,
) -> None:
    """Serve a game until Ctrl-C or SIGTERM; clients are told to come back (close 1012).

    What is not given here is read from TICKWIRE_PORT and its like (docs/operating.md), then from the defaults in
    brackets. Players join at ws://HOST:PORT/v1/match/ID; GET /healthz tells how the node is.
    """
    from game_server.shell.serve import check_options, load_game
    from game_server.shell.serve import serve as run

    given = {"matches": matches, "host": host, "port": port, "seed": seed, "auth": auth,
             "metrics_port": metrics_port, "log_level": log_level, "log_format": log_format}  # fmt: skip
    try:
        game = load_game(target)
        options = _options(option or [])
        check_options(game, options)
        settings: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        run(game, options=options, **settings)
    except UsageFault as fault:
        _complain(fault, USAGE)
    except NodeFault as fault:
        _complain(fault, FAILED)


@app.command()
def bots(
    url: Annotated[
        str, typer.Argument(help="A match, or several with commas: ws://host:port/v1/match/1.", show_default=False)
    ],
    behaviour: Annotated[
        str, typer.Option(metavar="MODULE:CLASS", help="What a bot does; the default one plays Arena alone.")
    ] = "demo_game.bots:Hunter",
    count: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many bots; a server elsewhere takes 64 per address.")
    ] = 10,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long they play.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Bot n draws from this and n; the same numbers each time.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, max=256, help="Over how many processes they are spread. [1 per 500 bots]")
    ] = None,
    join_rate: Annotated[
        float, typer.Option(min=0.1, help="How many join per second; a server answers 1000 handshakes by default.")
    ] = 500.0,
    ca: Annotated[str, typer.Option(metavar="FILE", help="Certificates to trust for wss://. [the system's]")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one line of JSON.")] = False,
) -> None:
    """Let bots join a match and play; tell what they saw.

    Exit code 0 means that nothing went wrong, 1 that a bot failed, saw a desync, or lost its process.
    """
    try:
        from game_client.shell.bots_command import run

        code = run(
            url, count=count, seconds=seconds, behaviour=behaviour, seed=seed, processes=processes,
            joins_per_s=join_rate, json_line=as_json, ca=ca,
        )  # fmt: skip
    except UsageFault as fault:
        _complain(fault, USAGE)
    raise typer.Exit(code)


def _options(pairs: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UsageFault(f"--option {pair}: write --option key=value")
        if key in options:
            raise UsageFault(f"--option {key} is given twice")
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


def _complain(fault: Exception, code: int) -> NoReturn:
    typer.echo(f"tickwire: {fault}", err=True)
    raise typer.Exit(code)
