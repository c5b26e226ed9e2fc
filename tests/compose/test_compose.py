"""The shipped docker-compose.yml on a real engine: `make test-compose` prints what was seen.

One cluster for all tests, which run in order: what it is made of, who can reach Redis, and last what `--scale` does to
players who play.
"""

import asyncio
import http.client
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from time import monotonic

import pytest

from tests.compose.engine import ROOT, Project, engine, inside, inspect, needs_engine
from tests.compose.players import Lobby, Seated, enter, on, sit_down

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("compose")]

PLAYERS = 60
NODES = 3
BOTS = 12
GAP_MS_MOST = 1000
"""A still match says something every 250 ms; the rest is for a machine that starts containers meanwhile."""
FRONT, STATE = "front", "state"
ASK_FOR_A_PAGE = """
import socket
asking = socket.create_connection(("redis", 6379), 2)
asking.sendall(b"GET / HTTP/1.1\\r\\nHost: redis\\r\\n\\r\\n")
asking.recv(1000)
"""
REACH = "import socket, sys; socket.create_connection((sys.argv[1], 6379), 2).close()"


@pytest.fixture(scope="module")
def summary() -> Iterator[list[str]]:
    """Lines that the run prints at its end."""
    lines: list[str] = []
    yield lines


@pytest.fixture(scope="module")
def project(summary: list[str], request: pytest.FixtureRequest) -> Iterator[Project]:
    """Three nodes that serve a small Arena, brought up as an operator does; removed at the end."""
    needs_engine()
    found = Project(
        (ROOT / "tests/compose/small_arena.yml",),
        environment={"GAME": "small_arena.py:SmallArena", "DEMO_BOTS": str(BOTS)},
    )
    begun = monotonic()
    try:
        found.up(NODES, "--build")
        wait_healthy(found)
        summary.append(f"up --build --scale node={NODES}: serving after {monotonic() - begun:.1f} s")
        yield found
    finally:
        if request.session.testsfailed:
            print(found.compose("logs", "--no-color", "--tail", "60"))
        found.down()
        tell(summary, request)


def tell(summary: list[str], request: pytest.FixtureRequest) -> None:
    """Print the summary, past pytest's capture."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("\n\n== docker compose", *summary, "", sep="\n  ")


def wait_healthy(project: Project, within_s: float = 60) -> None:
    """Wait until the engine finds every node and the gateway healthy."""
    until = monotonic() + within_s
    while True:
        found = [*project.containers("node"), *project.containers("gateway")]
        states = [inspect(each)["State"].get("Health", {}).get("Status") for each in found]
        if states and all(state == "healthy" for state in states):
            return
        assert monotonic() < until, f"not healthy: {states}\n{project.compose('logs', '--no-color', '--tail', '40')}"


def status(project: Project, path: str) -> tuple[int, bytes]:
    """Ask the gateway for a path that is sent as it stands."""
    connection = http.client.HTTPConnection(project.address, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


async def eventually(holds: Callable[[], Awaitable[object]], within_s: float) -> float:
    """Wait until `holds`; return how long it took."""
    begun = monotonic()
    async with asyncio.timeout(within_s):
        while not await holds():
            await asyncio.sleep(0.1)
    return monotonic() - begun


def test_only_the_gateway_is_published_and_the_nodes_have_no_rights(project: Project, summary: list[str]) -> None:
    for service in ("redis", "node", "gateway"):
        for container in project.containers(service):
            ports = inspect(container)["NetworkSettings"]["Ports"]
            published = [each for bound in ports.values() for each in bound or ()]
            host, _, port = project.address.partition(":")
            assert published == ([{"HostIp": host, "HostPort": port}] if service == "gateway" else [])
    for container in project.containers("node"):
        assert inside(container, "id", "-u").stdout.strip() == "10001"
        assert inside(container, "touch", "/srv/written").returncode != 0
        assert inspect(container)["State"]["Health"]["Status"] == "healthy"
        assert inside(container, "cat", "/proc/1/comm").stdout.strip() in ("docker-init", "tini")
    (image,) = json.loads(engine("image", "inspect", "tickwire:0.1.0"))
    base = json.loads(engine("image", "inspect", "python:3.11-slim"))[0]["Size"]
    summary.append(
        f"image: {(image['Size'] - base) / 1e6:.0f} MB on top of python:3.11-slim, user {image['Config']['User']}"
    )
    assert image["Size"] - base < 100e6


def test_the_secret_is_made_once_and_only_the_nodes_read_it(project: Project, summary: list[str]) -> None:
    assert {secret(each)[:2] for each in project.containers("node")} == {("600 10001", secret_text(project))}
    before = secret_text(project)
    project.compose("up", "--detach", "--scale", f"node={NODES}")
    assert secret_text(project) == before
    (init,) = json.loads(engine("inspect", project.compose("ps", "--all", "--quiet", "init").strip()))
    assert init["State"]["ExitCode"] == 0 and init["HostConfig"]["NetworkMode"] == "none"
    summary.append("secret: made once, mode 0600 of uid 10001, the same after a second `up`")


def secret(container: str) -> tuple[str, str]:
    """Mode and owner of the secret's file, and what is in it."""
    path = "/run/tickwire/secret"
    return inside(container, "stat", "-c", "%a %u", path).stdout.strip(), inside(container, "cat", path).stdout


def secret_text(project: Project) -> str:
    """The secret as the first node has it."""
    text = secret(project.containers("node")[0])[1]
    assert text.startswith("k1:") and len(text.strip()) == 3 + 64
    return text


def test_nothing_that_comes_through_the_gateway_reaches_redis(project: Project, summary: list[str]) -> None:
    (redis,), (gateway,) = project.containers("redis"), project.containers("gateway")
    networks = inspect(redis)["NetworkSettings"]["Networks"]
    assert list(networks) == [f"{project.name}_{STATE}"]
    assert list(inspect(gateway)["NetworkSettings"]["Networks"]) == [f"{project.name}_{FRONT}"]
    address = networks[f"{project.name}_{STATE}"]["IPAddress"]
    for host in ("redis", redis[:12], address):
        url = f"telnet://{host}:6379"
        assert inside(gateway, "curl", "--silent", "--max-time", "2", url).returncode in (6, 7, 28), host
        assert inside(project.containers("node")[0], "python", "-c", REACH, host).returncode == 0, host
    hosts = ("redis", "%72edis", "redis:6379", redis[:12], redis[:13], redis, address, "0123456789ab", gateway[:12])
    paths = [f"/n/{host}{rest}" for host in hosts for rest in ("/", "/v1/match/m", ":6379/v1/match/m", "/../../redis/")]
    found = Counter(status(project, path)[0] for path in paths)
    # 426 is a node's own answer: a name that could be a node's, and is none, leaves the request to any of them.
    assert set(found) <= {400, 404, 426}, found
    assert not heard_http(project)
    summary.append(
        f"redis: not in the gateway's network by name, id or address; {len(paths)} paths that try: {dict(found)}"
    )
    # That it would have been noticed: a node may talk to Redis, and here one asks it for a page.
    inside(project.containers("node")[0], "python", "-c", ASK_FOR_A_PAGE)
    assert heard_http(project)


def heard_http(project: Project) -> bool:
    """Whether Redis was ever sent an HTTP request, which it logs as a possible attack."""
    return "SECURITY ATTACK" in project.compose("logs", "--no-color", "redis")


async def test_sixty_players_land_on_three_nodes_and_scaling_moves_only_whom_it_must(
    project: Project, summary: list[str]
) -> None:
    seated = await take_seats(project, summary)
    playing = [asyncio.create_task(each.play()) for each in seated]
    try:
        await asyncio.sleep(2)
        assert all(each.plays for each in seated)
        gone = await scale_down(project, seated, summary)
        await come_back(project, gone, playing, seated, summary)
        await scale_up(project, seated, summary)
    finally:
        for each in seated:
            await each.player.socket.close()
        await asyncio.gather(*playing)


async def nodes(project: Project) -> list[str]:
    """The nodes' names. Asked in a thread: the players' own loop must not stand still, or they would see a gap."""
    return await asyncio.to_thread(project.nodes)


async def take_seats(project: Project, summary: list[str]) -> list[Seated]:
    """Sixty players at once by quick play; every node must get some."""
    begun = monotonic()
    seated = await asyncio.gather(*(sit_down(project.address) for _ in range(PLAYERS)))
    took = monotonic() - begun
    shares = Counter(each.node for each in seated)
    assert sorted(shares) == await nodes(project), shares
    matches = Counter(each.match for each in seated)
    assert max(matches.values()) <= 8

    async def listed() -> bool:
        async with Lobby(project.address) as lobby:
            return await lobby.matches() == dict(matches)

    # All of them and their seats, or that one is gone from the list later would say nothing.
    listed_s = await eventually(listed, 5)
    summary.append(
        f"{PLAYERS} players through one port: seated in {took:.1f} s on {len(shares)} nodes "
        f"({' + '.join(map(str, sorted(shares.values())))}), {len(matches)} matches of 8 seats, all listed as they are "
        f"{listed_s:.1f} s later"
    )
    return seated


async def scale_down(project: Project, seated: list[Seated], summary: list[str]) -> list[Seated]:
    """Remove one node; return those who sat there, whose sockets must have ended, and nobody else's."""
    before = set(await nodes(project))
    for each in seated:
        each.forget_gaps()
    begun = monotonic()
    await asyncio.to_thread(project.up, NODES - 1)
    took = monotonic() - begun
    (removed,) = before - set(await nodes(project))
    gone = on(seated, removed)
    stayed = [each for each in seated if each not in gone]
    matches = {each.match for each in gone}

    async def unlisted() -> bool:
        async with Lobby(project.address) as lobby:
            return not matches & set(await lobby.matches())

    listed_s = await eventually(unlisted, 5)
    assert all(each.plays for each in stayed)
    assert all(each.close_code is not None for each in gone)
    codes = Counter(each.close_code for each in gone)
    assert set(codes) == {1012}, codes
    gap_ms = max(each.gap_s for each in stayed) * 1000
    assert gap_ms < GAP_MS_MOST
    summary.append(
        f"--scale node={NODES - 1} ({took:.1f} s): {len(stayed)} of {len(stayed)} players of the nodes that stay kept "
        f"their socket, longest gap between two states {gap_ms:.0f} ms"
    )
    summary.append(
        f"the removed node's {len(gone)} players: closed with {dict(codes)}; its {len(matches)} matches were off "
        f"the list {listed_s:.1f} s after the command returned"
    )
    return gone


async def come_back(
    project: Project, gone: list[Seated], playing: list["asyncio.Task[None]"], seated: list[Seated], summary: list[str]
) -> None:
    """Let those who lost their match ask the lobby again."""
    begun = monotonic()
    returned = await asyncio.gather(*(sit_down(project.address) for _ in gone))
    assert {each.node for each in returned} <= set(await nodes(project))
    for each in gone:
        seated.remove(each)
    seated.extend(returned)
    playing.extend(asyncio.create_task(each.play()) for each in returned)
    await asyncio.sleep(1.5)
    assert all(each.plays for each in seated)
    summary.append(
        f"they asked the lobby again: {len(returned)} play on the other nodes {monotonic() - begun - 1.5:.1f} s later"
    )


async def scale_up(project: Project, seated: list[Seated], summary: list[str]) -> None:
    """Add a node while all play: it must get matches, and nobody may lose a socket."""
    before, text = set(await nodes(project)), await asyncio.to_thread(secret_text, project)
    await asyncio.to_thread(project.up, NODES)
    (added,) = set(await nodes(project)) - before
    begun = monotonic()

    async def reached() -> bool:
        async with Lobby(project.address) as lobby:
            found = await enter(lobby, await lobby.create())
            await found.player.socket.close()
            return found.node == added

    await eventually(reached, 20)
    assert all(each.plays for each in seated)
    assert await asyncio.to_thread(secret_text, project) == text
    summary.append(
        f"--scale node={NODES} again: the new node had a match {monotonic() - begun:.1f} s after, {len(seated)} "
        "players kept their socket, the secret is the same"
    )


async def test_the_demos_bots_play_by_quick_play_through_the_gateway(project: Project, summary: list[str]) -> None:
    async def taken() -> int:
        async with Lobby(project.address) as lobby:
            return sum((await lobby.matches()).values())

    async def all_left() -> bool:
        return await taken() == 0

    async def all_play() -> bool:
        return await taken() == BOTS

    await eventually(all_left, 45)
    await asyncio.to_thread(project.up, NODES, profile="demo")
    took = await eventually(all_play, 40)
    summary.append(f"profile demo: its {BOTS} bots play {took:.1f} s after")
