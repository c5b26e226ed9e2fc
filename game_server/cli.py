"""The command `tickwire`.

To test: `tests/game_server/test_cli.py`.
"""

import json
from typing import Annotated, Any, Literal, NoReturn

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
    matches: Annotated[
        int | None, typer.Option(help="How many matches run from the start; their ids are 1 to N. [1]")
    ] = None,
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
    nodes: Annotated[
        int | None, typer.Option(help="How many nodes, one process each, on ports from PORT up. [1]")
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

    given = {"matches": matches, "host": host, "port": port, "seed": seed, "auth": auth, "nodes": nodes,
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
        str,
        typer.Argument(
            help="A match, several with commas: ws://host:port/v1/match/1; or a lobby, where each bot quick plays: "
            "ws://host:port/v1/lobby.",
            show_default=False,
        ),
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
    filters: Annotated[
        list[str] | None,
        typer.Option(
            "--filter", metavar="KEY=VALUE", help="At a lobby: only matches like that, mode=duel. May be repeated."
        ),
    ] = None,
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
            joins_per_s=join_rate, json_line=as_json, ca=ca, filters=dict(_pairs(filters or [], "--filter")),
        )  # fmt: skip
    except UsageFault as fault:
        _complain(fault, USAGE)
    raise typer.Exit(code)


_Redis = Annotated[str | None, typer.Option("--redis", metavar="URL", help="The nodes' Redis. [TICKWIRE_REDIS_URL]")]
_Game = Annotated[str | None, typer.Option("--game", help="Which game, where nodes of several are. [the only one]")]
_Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="How many rows at most.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


@app.command()
def nodes(redis: _Redis = None, game: _Game = None, limit: _Limit = 1000, as_json: _Json = False) -> None:
    """List the nodes of a cluster: where they are, what they hold, whether they drain.

    It reads what nodes seal with their secret: TICKWIRE_SECRET_FILE or TICKWIRE_SECRET must be theirs.
    """
    _show("nodes", redis, game, limit, as_json)


@app.command()
def matches(redis: _Redis = None, game: _Game = None, limit: _Limit = 1000, as_json: _Json = False) -> None:
    """List the public matches of a cluster, with their seats and attributes.

    It reads what nodes seal with their secret: TICKWIRE_SECRET_FILE or TICKWIRE_SECRET must be theirs.
    """
    _show("matches", redis, game, limit, as_json)


@app.command()
def players(redis: _Redis = None, game: _Game = None, limit: _Limit = 1000, as_json: _Json = False) -> None:
    """List who is online in a cluster, and where.

    It reads what nodes seal with their secret: TICKWIRE_SECRET_FILE or TICKWIRE_SECRET must be theirs.
    """
    _show("players", redis, game, limit, as_json)


def _show(
    what: Literal["nodes", "matches", "players"], redis: str | None, game: str | None, limit: int, as_json: bool
) -> None:
    from game_server.shell.directory_tables import show

    try:
        typer.echo(show(what, redis=redis, game=game, limit=limit, json_line=as_json))
    except UsageFault as fault:
        _complain(fault, USAGE)
    except NodeFault as fault:
        _complain(fault, FAILED)


def _options(pairs: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for key, value in _pairs(pairs, "--option"):
        try:
            options[key] = json.loads(value)
        except ValueError:
            options[key] = value
    return options


def _pairs(given: list[str], option: str) -> list[tuple[str, str]]:
    pairs: dict[str, str] = {}
    for pair in given:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            raise UsageFault(f"{option} {pair}: write {option} key=value")
        if key in pairs:
            raise UsageFault(f"{option} {key} is given twice")
        pairs[key] = value
    return list(pairs.items())


def _complain(fault: Exception, code: int) -> NoReturn:
    typer.echo(f"tickwire: {fault}", err=True)
    raise typer.Exit(code)
