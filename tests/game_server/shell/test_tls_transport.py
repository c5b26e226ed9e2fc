"""TLS above a TCP transport: nothing is held where it cannot be counted, and every end comes through."""

import asyncio
import socket

import pytest
from websockets.frames import Frame, Opcode

from tests.game_server.shell.certificates import Files, make_certificate
from tests.game_server.shell.game_for_tests import (
    STATE_BYTES,
    Counted,
    bytes_until_blocked,
    dial,
    running,
    until,
    upgrade_narrow,
    upgrade_request,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def settings_of(files: Files) -> dict[str, str]:
    return {"tls_cert_file": str(files.certificate), "tls_key_file": str(files.key)}


async def test_a_client_that_does_not_read_is_known_as_slow_as_early_over_tls_as_without(files: Files) -> None:
    found = {}
    for name, settings, context in (("plain", {}, None), ("tls", settings_of(files), files.client())):
        async with running(ping_seconds=60, **settings) as node:
            with await asyncio.to_thread(upgrade_narrow, node.server.port, context):
                await until(lambda node=node: node.runner.lines)
                found[name], held = await bytes_until_blocked(node)
                assert 0 < held < 2 * STATE_BYTES, "at most the state that did not fit waits"
    # With the event loops' own TLS there were 64 KiB more.
    assert found["tls"] < found["plain"] + 8 * STATE_BYTES


async def test_a_slow_client_is_told_slow_and_gets_one_merged_state_when_it_reads_again(files: Files) -> None:
    async with running(ping_seconds=60, **settings_of(files)) as node:
        player = await dial(node.url(), ssl=files.client())
        await player.join()
        await player.states(3)
        (connection,) = node.server.connections
        tls = connection._transport
        tls.pause_writing()  # type: ignore[attr-defined]
        await asyncio.sleep(0.3)
        tls.resume_writing()  # type: ignore[attr-defined]
        assert max(each.base_back for each in await player.states(20)) >= 10
        await player.socket.close()


async def test_large_frames_come_through_whole_in_both_directions(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        player = await dial(node.url(), ssl=files.client())
        await player.join()
        (connection,) = node.server.connections
        connection.send(bytes(100_000))
        connection.flush()
        sizes = [len(frame) for frame in [await player.socket.recv() for _ in range(20)]]
        assert 100_000 in sizes
        player.socket.transport.write(Frame(Opcode.BINARY, bytes(4097)).serialize(mask=True))
        assert (await asyncio.wait_for(player.closed(), 5))[0] == 1009


async def test_a_client_that_says_goodbye_in_tls_and_keeps_tcp_open_is_let_go(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        node.server.tally = counted = Counted()
        loop = asyncio.get_running_loop()
        sock = socket.create_connection(("127.0.0.1", node.server.port))

        def talk() -> bytes:
            with files.client().wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as tls:
                tls.settimeout(5)
                tls.sendall(upgrade_request().replace("\n", "\r\n").encode())
                head = tls.recv(4096)
                while not head.partition(b"\r\n\r\n")[2]:
                    head += tls.recv(4096)  # the first ping, which unread would be in the way of the goodbye
                plain = tls.unwrap()
                plain.close()
                return head

        assert (await loop.run_in_executor(None, talk)).startswith(b"HTTP/1.1 101 ")
        await until(lambda: not node.server.connections)
        assert counted.ended == [(1006, "eof")]


async def test_an_answer_ends_with_a_goodbye_in_tls_and_no_reset(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        sock = socket.create_connection(("127.0.0.1", node.server.port))

        def talk() -> bytes:
            with files.client().wrap_socket(sock, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as tls:
                tls.settimeout(5)
                tls.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + bytes(3000))
                answer = b""
                # A TCP end without TLS's own would raise SSLEOFError.
                while part := tls.recv(4096):
                    answer += part
                return answer

        assert (await asyncio.get_running_loop().run_in_executor(None, talk)).startswith(b"HTTP/1.1 200 ")
        await until(lambda: not node.server.connections)


async def test_what_is_no_tls_after_the_handshake_ends_the_connection(files: Files) -> None:
    async with running(**settings_of(files)) as node:
        node.server.tally = counted = Counted()
        player = await dial(node.url(), ssl=files.client())
        await player.join()
        (connection,) = node.server.connections
        tls = connection._transport
        garbage = b"\x17\x03\x03\x00\x20" + bytes(32)
        node.server.read_buffer[: len(garbage)] = garbage
        tls.buffer_updated(len(garbage))  # type: ignore[attr-defined]
        await until(lambda: counted.ended)
        assert counted.ended == [(1006, "network")]
        await player.abort()
