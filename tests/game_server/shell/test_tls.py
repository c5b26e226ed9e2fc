"""TLS on the game's port, with a self-made certificate, on both event loops."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from websockets.frames import Frame, Opcode

from game_server.shell.settings import read_settings
from game_server.shell.tls import make_tls
from protocol.errors import UsageFault
from tests.game_server.shell.certificates import Files, make_certificate
from tests.game_server.shell.game_for_tests import Counted, dial, running, until


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def settings_of(files: Files) -> dict[str, str]:
    return {"tls_cert_file": str(files.certificate), "tls_key_file": str(files.key)}


async def test_a_player_joins_plays_and_leaves_over_tls(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        node.server.tally = counted = Counted()
        assert node.url().startswith("wss://")
        player = await dial(node.url(), "Ada", ssl=files.client())
        await player.join()
        assert len(await player.states(10)) == 10
        await asyncio.wait_for(await player.socket.ping(), 2)
        await player.socket.close()
        await until(lambda: counted.ended)
        assert counted.ended == [(1000, "left")]
        await until(lambda: not node.server.connections)


async def test_what_the_server_closes_is_told_over_tls_too(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    # A transport that cannot half-close: both the session's close and that of a broken frame must reach the client.
    async with running(**settings_of(files)) as node:
        for frame, code in ((Frame(Opcode.TEXT, b"t"), 1003), (Frame(Opcode.CONT, b"c"), 1002)):
            player = await dial(node.url(), ssl=files.client())
            await player.join()
            player.socket.transport.write(frame.serialize(mask=True))
            found, refusal = await asyncio.wait_for(player.closed(), 5)
            assert found == code and refusal is not None
            await until(lambda: not node.server.connections)
    told = capsys.readouterr()
    assert "connection_failed" not in told.out + told.err


async def test_plain_http_on_a_port_with_tls_is_cut_and_counted(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        node.server.tally = counted = Counted()
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert b"HTTP" not in await asyncio.wait_for(reader.read(), 2)
        except ConnectionError:
            pass
        writer.close()
        await until(lambda: counted.refusals == [(400, "tls")])
        await until(lambda: not node.server.connections)


async def test_a_tls_handshake_that_does_not_end_is_cut_at_the_deadline(files: Files) -> None:
    async with running(handshake_seconds=0.3, **settings_of(files)) as node:
        reader, writer = await asyncio.open_connection("127.0.0.1", node.server.port)
        writer.write(b"\x16\x03\x01")
        async with asyncio.timeout(2):
            try:
                assert await reader.read() == b""
            except ConnectionError:
                pass
        writer.close()
        await until(lambda: not node.server.connections)


async def test_tls_and_request_share_one_deadline(files: Files) -> None:
    async with running(handshake_seconds=0.5, **settings_of(files)) as node:
        sock = socket.create_connection(("127.0.0.1", node.server.port))
        begun = asyncio.get_running_loop().time()
        await asyncio.sleep(0.3)
        reader, writer = await asyncio.open_connection(sock=sock, ssl=files.client(), server_hostname="127.0.0.1")
        async with asyncio.timeout(2):
            assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        assert asyncio.get_running_loop().time() - begun < 0.75
        writer.close()


async def test_sockets_in_their_tls_handshake_are_limited_and_the_oldest_gives_way(files: Files) -> None:
    async with running(unauthenticated_max=4, **settings_of(files)) as node:
        writers = [(await asyncio.open_connection("127.0.0.1", node.server.port))[1] for _ in range(12)]
        await until(lambda: len(node.server.connections) == 4)
        player = await asyncio.wait_for(dial(node.url(), ssl=files.client()), 3)
        await player.join()
        for writer in writers:
            writer.close()
        await player.socket.close()
        await until(lambda: not node.server.connections)


async def test_over_a_limit_nothing_of_tls_is_spoken(files: Files) -> None:
    async with running(connections_max=1, **settings_of(files)) as node:
        node.server.tally = counted = Counted()
        player = await dial(node.url(), ssl=files.client())
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", node.server.port, ssl=files.client())
        assert counted.refusals == [(503, "full")]
        assert len(node.server.connections) == 1
        await player.socket.close()


async def test_a_client_that_knows_nothing_newer_than_tls_1_1_is_refused(files: Files) -> None:
    context = make_tls(read_settings({}, **settings_of(files)))
    assert context is not None and context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_without_a_certificate_there_is_no_tls() -> None:
    assert make_tls(read_settings({})) is None


def test_a_certificate_and_key_may_share_a_file(files: Files, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
    assert make_tls(read_settings({}, tls_cert_file=str(both))) is not None


def test_files_that_do_not_serve_are_told_in_a_sentence(files: Files, tmp_path: Path) -> None:
    other = make_certificate(tmp_path)
    with pytest.raises(UsageFault, match="TICKWIRE_TLS_CERT_FILE=.* cannot be read"):
        make_tls(read_settings({}, tls_cert_file=str(tmp_path / "none.pem")))
    with pytest.raises(UsageFault, match="do not fit together"):
        make_tls(read_settings({}, tls_cert_file=str(files.certificate), tls_key_file=str(other.key)))
    with pytest.raises(UsageFault, match="holds no key: set TICKWIRE_TLS_KEY_FILE"):
        make_tls(read_settings({}, tls_cert_file=str(files.certificate)))
    with pytest.raises(UsageFault, match="TICKWIRE_TLS_CERT_FILE=.* do not fit together"):
        make_tls(read_settings({}, tls_cert_file=str(files.key)))
    locked = make_certificate(tmp_path, password=b"open sesame")
    with pytest.raises(UsageFault, match="TICKWIRE_TLS_KEY_FILE is encrypted"):
        make_tls(read_settings({}, **settings_of(locked)))


async def test_a_client_that_goes_during_its_tls_handshake_leaves_nothing(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        with socket.create_connection(("127.0.0.1", node.server.port)) as sock:
            sock.send(b"\x16\x03\x01\x02\x00")
            await until(lambda: node.server.connections)
        await until(lambda: not node.server.connections)
