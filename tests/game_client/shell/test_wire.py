from __future__ import annotations

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import serve

from game_client.shell import wire as wire_module
from game_client.shell.wire import Refused, Road, Wire, dial, header_bytes
from tests.game_client.shell.tiny_server import TinyServer


@pytest.mark.parametrize(
    ("payload", "header"), [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (4_000_000, 10)]
)
def test_headers_are_as_long_as_rfc_6455_says(payload: int, header: int) -> None:
    assert header_bytes(payload) == header


class Ears:
    """What a wire told."""

    def __init__(self, wire: Wire) -> None:
        self.frames: list[bytes] = []
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        self.stats = wire.stats
        wire.attach(self.frames.append, lambda code, reason: self.end.set_result((code, reason)))


async def listen(talk: Any) -> tuple[Any, str]:
    """A server that runs `talk` for each socket, and its URL."""
    server = await serve(talk, "127.0.0.1", 0, compression=None, ping_interval=None, subprotocols=["tickwire.v1"])
    return server, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"


async def test_bytes_are_counted_at_the_socket_with_headers_both_ways() -> None:
    sizes = [1, 125, 126, 70_000]
    echoed = asyncio.Event()

    async def talk(socket: Any) -> None:
        for size in sizes:
            assert await socket.recv() == bytes(size)
            await socket.send(bytes(size))
        echoed.set()
        await socket.wait_closed()

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        taken = 0
        receive = wire.protocol.receive_data

        def count(data: bytes) -> None:
            nonlocal taken
            taken += len(data)
            receive(data)

        wire.protocol.receive_data = count  # type: ignore[method-assign]
        written: list[bytes] = []
        write = wire.transport.write
        wire.transport = Recorder(wire.transport, written, write)  # type: ignore[assignment]
        for size in sizes:
            wire.write_frame(bytes(size))
        await echoed.wait()
        while len(ears.frames) < len(sizes):
            await asyncio.sleep(0)
        assert [len(frame) for frame in ears.frames] == sizes
        assert ears.stats.bytes_up == sum(map(len, written))
        assert ears.stats.bytes_down == taken
        await wire.close()


class Recorder:
    """A transport that keeps what is written."""

    def __init__(self, transport: Any, written: list[bytes], write: Any) -> None:
        self._transport, self._written, self._write = transport, written, write

    def write(self, data: bytes) -> None:
        self._written.append(bytes(data))
        self._write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_fragmented_frame_arrives_whole() -> None:
    async def talk(socket: Any) -> None:
        await socket.send([b"one ", b"two ", b"three"])
        await socket.wait_closed()

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        while not ears.frames:
            await asyncio.sleep(0.001)
        assert ears.frames == [b"one two three"]
        await wire.close()


async def test_a_text_frame_is_closed_with_1003() -> None:
    async def talk(socket: Any) -> None:
        await socket.send("words")
        await socket.wait_closed()
        codes.append(socket.close_code)

    codes: list[int] = []
    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        Ears(wire)
        await wire.wait_closed()
        while not codes:
            await asyncio.sleep(0.001)
    assert codes == [1003]


@pytest.mark.parametrize(("code", "told"), [(1011, 1011), (4001, 4001), (None, 1006)])
async def test_the_end_is_told_with_its_code(code: int | None, told: int) -> None:
    async def talk(socket: Any) -> None:
        if code is None:
            socket.transport.abort()
        else:
            await socket.close(code, "because")

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        end, reason = await Ears(wire).end
    assert end == told
    assert code is None or reason == "because"


async def test_a_detached_wire_tells_nothing() -> None:
    async def talk(socket: Any) -> None:
        await socket.close(1011)

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        wire.detach()
        await wire.wait_closed()
        await asyncio.sleep(0)
    assert not ears.end.done()


async def test_credential_attempt_and_role_travel_in_the_request() -> None:
    async with TinyServer() as server:
        wire = await dial(server.url, "Zo%C3%AB", 7, Road(spectate=True))
        assert isinstance(wire, Wire)
        assert wire.request is not None
        assert wire.request.headers["Authorization"] == "Bearer Zo%C3%AB"
        assert wire.request.headers["Tickwire-Attempt"] == "7"
        assert wire.request.path == "/v1/match/1?role=spectator"
        await wire.close()


def test_the_role_is_added_to_a_query_that_is_there() -> None:
    assert Road(spectate=True).url("ws://there/?a=b") == "ws://there/?a=b&role=spectator"
    assert Road().url("ws://there/?a=b") == "ws://there/?a=b"


async def test_a_dial_leaves_from_the_address_that_was_given() -> None:
    async with TinyServer() as server:
        wire = await dial(server.url, "Ada", 1, Road(local_addr="127.0.0.3"))
        assert isinstance(wire, Wire)
        assert wire.local_address[0] == "127.0.0.3"
        await wire.close()


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that signed itself, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    path = folder / "here.pem"
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return path


async def test_a_tls_context_says_whom_to_trust(tmp_path: Path) -> None:
    path = certificate(tmp_path)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(path)
    trusting = ssl.create_default_context(cafile=str(path))

    async def talk(socket: Any) -> None:
        await socket.wait_closed()

    async with serve(talk, "127.0.0.1", 0, ssl=server_side, subprotocols=["tickwire.v1"]) as server:
        url = f"wss://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
        wire = await dial(url, "Ada", 1, Road(ssl=trusting))
        assert isinstance(wire, Wire), wire
        await wire.close()
        refused = await dial(url, "Ada", 1)
        assert isinstance(refused, Refused)
        assert f"the certificate of {url} is not to be trusted: self-signed certificate" in refused.reason
        assert refused.hopeless  # and a thousand dials later it would be the same one
        plain = await dial(url.replace("wss:", "ws:"), "Ada", 1)
        assert isinstance(plain, Refused)
        assert plain.reason.endswith("does it want wss://?")


async def test_a_tls_context_is_not_in_the_way_of_a_plain_address() -> None:
    async with TinyServer() as server:
        wire = await dial(server.url, "Ada", 1, Road(ssl=ssl.create_default_context()))
        assert isinstance(wire, Wire)
        await wire.close()


async def test_a_cut_wire_ends_without_a_close_frame() -> None:
    codes: list[int] = []

    async def talk(socket: Any) -> None:
        await socket.wait_closed()
        codes.append(socket.close_code)

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        wire.cut()
        assert (await ears.end)[0] == 1006
        while not codes:
            await asyncio.sleep(0.001)
    assert codes == [1006]


async def test_any_bytes_show_that_the_server_is_there() -> None:
    async def talk(socket: Any) -> None:
        await socket.ping()
        await socket.wait_closed()

    server, url = await listen(talk)
    async with server:
        wire = await dial(url, "Ada")
        assert isinstance(wire, Wire)
        ears = Ears(wire)
        before_ns = time.monotonic_ns()
        while wire.heard_ns < before_ns:
            await wire.ping()
            await asyncio.sleep(0.001)
        assert ears.frames == []
        await wire.close()


async def test_without_a_name_no_authorization_is_sent() -> None:
    async with TinyServer() as server:
        wire = await dial(server.url, "")
        assert isinstance(wire, Wire)
        assert wire.request is not None
        assert "Authorization" not in wire.request.headers
        await wire.close()


class TinyProxy:
    """An HTTP proxy that knows CONNECT."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._pumps: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split()[1])
        there, here = await asyncio.open_connection(*self.asked[-1].split(":"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self._pumps += [asyncio.create_task(self._pump(*each)) for each in ((reader, here), (there, writer))]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()


async def test_a_proxy_of_the_environment_is_used_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "")
    proxy = TinyProxy()
    async with TinyServer() as server, proxy as proxy_url:
        monkeypatch.setenv("http_proxy", proxy_url)
        address = server.url.removeprefix("ws://").partition("/")[0]
        for asked, times in ((None, 0), (True, 1), (proxy_url, 2)):
            wire = await dial(server.url, "Ada", 1, Road(asked))
            assert isinstance(wire, Wire), wire
            await wire.close()
            assert len(proxy.asked) == times
    assert proxy.asked == [address, address]


async def test_an_http_refusal_carries_status_sentence_and_delay() -> None:
    async with TinyServer(deny=503, retry_after="3") as server:
        assert await dial(server.url, "Ada") == Refused("not today", 503, 3000)


async def test_a_retry_after_that_is_a_date_is_left_to_the_backoff() -> None:
    async with TinyServer(deny=503, retry_after="Wed, 21 Oct 2099 07:28:00 GMT") as server:
        assert await dial(server.url, "Ada") == Refused("not today", 503, 0)


@pytest.mark.parametrize(
    ("body", "sentence"), [('{"error": "no such match"}', "no such match"), ("[1]", "[1]"), ("plain", "plain")]
)
def test_the_sentence_of_a_json_body_is_what_is_told(body: str, sentence: str) -> None:
    assert wire_module._sentence(body) == sentence


@pytest.mark.parametrize("url", ["ws://127.0.0.1:1/v1/match/1", "http://127.0.0.1/", "nonsense"])
async def test_what_cannot_be_reached_is_a_failed_dial_not_an_exception(url: str) -> None:
    outcome = await dial(url, "Ada")
    assert isinstance(outcome, Refused)
    assert url in outcome.reason
    assert outcome.status == 0
    assert outcome.hopeless == (not url.startswith("ws:"))


@pytest.mark.parametrize(
    ("url", "name", "proxy"),
    [
        ("ws://127.0.0.1:99999/", "Ada", None),
        ("ws://127.0.0.1:1/", "\ud800", None),
        ("ws://127.0.0.1:1/", "Ada", "gopher://127.0.0.1:1"),
    ],
)
async def test_a_dial_that_can_never_succeed_is_hopeless_and_says_why(url: str, name: str, proxy: str | None) -> None:
    outcome = await dial(url, name, 1, Road(proxy))
    assert isinstance(outcome, Refused)
    assert outcome.hopeless
    assert len(outcome.reason) > 20


async def test_an_unforeseen_exception_is_a_failed_dial_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("in a library")

    monkeypatch.setattr(wire_module, "connect", fail)
    assert await dial("ws://there/", "Ada") == Refused(
        "ws://there/ cannot be dialled from here: ZeroDivisionError('in a library')", hopeless=True
    )
