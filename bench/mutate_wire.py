"""What no honest client writes to a socket: mutated upgrade requests, and mutated streams of WebSocket frames.

    PartsOfFrame(opcode=2, payload=b"...").encoded()     a frame, every bit of which may be a lie
    WireMutator(rng, payloads).request("/v1/match/1")  a request's head, mutated
    WireMutator(rng, payloads).frames()                a few frames, mutated

*Source*: RFC 6455 section 5.2 for the frame.  To test: `tests/bench/test_mutate_wire.py`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from bench.mutate import mutate_bytes
from protocol.handshake import ATTEMPT_ENTRY, ATTEMPT_HEADER, BEARER_ENTRY, RESUME_PREFIX, TICKET_PREFIX
from protocol.messages import SUBPROTOCOL

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL: Final = 0x80
MASKED: Final = 0x80
CLOSE_CODES = (0, 999, 1000, 1001, 1004, 1005, 1006, 1007, 1012, 1015, 1016, 2999, 3000, 4001, 4999, 5000, 65_535)
LENGTH_LIES = (0, 1, 125, 126, 127, 4095, 4096, 4097, 65_535, 65_536, 2**31, 2**63 - 1, 2**63, 2**64 - 1)
NOT_UTF8 = (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"ok\xf0\x9f\x98")

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
# Texts of a header's value; bytes above 127 travel as they are.
VALUES = (
    b"", b" ", b"\x00", b"\xff\xfe", b"\xc3\xa4", b"a\x00b", b"a\tb", b"a" * 5000, b"a" * 9000, b"," * 200, b"\"",
    b"%00", b"%ff%fe", b"%C3%A4", b"Bearer", b"Bearer ", b"Bearer a b", b"Basic YTpi", b"websocket, h2c", b"12",
    b"13, 13", b"-1", b"99999999999999999999", b"127.0.0.1, ::1, x", b"null", b"http://evil.example", b"{}", b"'\"<>",
    b"\x1b[31m", b"chunked", b"4294967296", TICKET_PREFIX.encode() + b"k.a.b", RESUME_PREFIX.encode() + b"..",
    RESUME_PREFIX.encode() + b"k." + b"A" * 400, f"{SUBPROTOCOL}, {BEARER_ENTRY}%FF".encode(),
    f"{SUBPROTOCOL}, {BEARER_ENTRY}".encode(),
    f"{SUBPROTOCOL}, {ATTEMPT_ENTRY}-1, {ATTEMPT_ENTRY}x, {ATTEMPT_ENTRY}9999999999".encode(),
)  # fmt: skip
NAMES = (
    b"Host", b"Upgrade", b"Connection", b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Sec-WebSocket-Protocol",
    b"Sec-WebSocket-Extensions", b"Origin", b"Authorization", b"Cookie", b"Content-Length", b"Transfer-Encoding",
    b"X-Forwarded-For", b"X-Real-IP", b"Forwarded", b"Expect", b"", b" ", b"A B", b"\xc3\xa4", b"\x00",
    b"X-" + b"n" * 300, ATTEMPT_HEADER.encode(),
)  # fmt: skip
REQUEST_LINES = (
    b"POST PATH HTTP/1.1", b"HEAD PATH HTTP/1.1", b"GET PATH HTTP/1.0", b"GET PATH HTTP/2.0", b"GET PATH", b"PATH", b"",
    b"GET  PATH  HTTP/1.1", b"get PATH http/1.1", b"GET http://127.0.0.1PATH HTTP/1.1", b"OPTIONS * HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1", b"PRI * HTTP/2.0", b"GET PATH%ff%00 HTTP/1.1", b"GET PATH\xff\xfe HTTP/1.1",
    b"GET /../..PATH HTTP/1.1", b"GET PATH/ HTTP/1.1", b"GET PATH#a HTTP/1.1", b"GET PATH?role=spectator HTTP/1.1",
    b"GET PATH?role=spectator&role=player&=&%ff HTTP/1.1", b"GET /v1/match/ HTTP/1.1",
    b"GET /v1/match/%F0%9F%98%80 HTTP/1.1", b"GET /healthz HTTP/1.1", b"HEAD /healthz?x HTTP/1.1",
    b"GET /metrics HTTP/1.1", b"GET /v1/lobby HTTP/1.1", b"GET PATH" + b"a" * 9000 + b" HTTP/1.1",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartsOfFrame:
    """One WebSocket frame, part by part.

    `declared` replaces the true length of the payload; the field that tells it has `width` 7, 16 or 64 bits (0: as few
    as will do). A `reserved` bit may be set, the `mask` may be missing.
    """

    opcode: int = BINARY
    payload: bytes = b""
    final: bool = True
    reserved: int = 0
    mask: bytes | None = b"\x01\x02\x03\x04"
    declared: int | None = None
    width: int = 0

    def encoded(self) -> bytes:
        """Return the frame as it travels."""
        length = len(self.payload) if self.declared is None else self.declared
        width = self.width or (7 if length < 126 else 16 if length < 65_536 else 64)
        masked = MASKED if self.mask is not None else 0
        head = bytes(((FINAL if self.final else 0) | self.reserved << 4 | self.opcode,))
        match width:
            case 7:
                head += bytes((masked | length & 0x7F,))
            case 16:
                head += struct.pack("!BH", masked | 126, length & 0xFFFF)
            case _:
                head += struct.pack("!BQ", masked | 127, length & 2**64 - 1)
        return head + self._masked()

    def _masked(self) -> bytes:
        if self.mask is None:
            return self.payload
        return self.mask + bytes(each ^ self.mask[place & 3] for place, each in enumerate(self.payload))


def head_of(path: str, *, credential: str = "", key: str = KEY) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return a good upgrade request: its first line and its headers."""
    headers = [
        (b"Host", b"127.0.0.1"), (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Key", key.encode()),
        (b"Sec-WebSocket-Version", b"13"), (b"Sec-WebSocket-Protocol", SUBPROTOCOL.encode()),
    ]  # fmt: skip
    if credential:
        headers.append((b"Authorization", b"Bearer " + credential.encode()))
    return f"GET {path} HTTP/1.1".encode(), headers


def head_bytes(line: bytes, headers: list[tuple[bytes, bytes]], end: bytes = b"\r\n") -> bytes:
    """Return a request's head as it travels."""
    return end.join([line, *(name + b": " + value for name, value in headers), b"", b""])


class WireMutator:
    """A source of mutated requests and frames; `payload` gives what frames carry."""

    def __init__(self, rng: Random, payload: Callable[[], bytes]) -> None:
        self.rng = rng
        self._payload = payload

    def request(self, path: str) -> bytes:
        """Return the head of an upgrade request, mutated; sometimes a body or a hasty frame follows."""
        rng = self.rng
        line, headers = head_of(path)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            line = self._mutate_head(path.encode(), line, headers)
        data = head_bytes(line, headers, b"\r\n" if rng.random() < 0.9 else rng.choice((b"\n", b"\r", b"\r\n ")))
        if rng.random() < 0.25:
            data = mutate_bytes(rng, data)
        return data + (b"" if rng.random() < 0.8 else self._one().encoded())

    def _mutate_head(self, path: bytes, line: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
        rng = self.rng
        at = rng.randrange(len(headers)) if headers else 0
        match rng.randrange(8):
            case 0 | 1:
                return rng.choice(REQUEST_LINES).replace(b"PATH", path)
            case 2 if headers:
                del headers[at]
            case 3 if headers:
                headers.insert(at, (headers[at][0], rng.choice((headers[at][1], rng.choice(VALUES)))))
            case 4 | 5 if headers:
                headers[at] = (headers[at][0], rng.choice(VALUES))
            case 6:
                headers += [(rng.choice(NAMES), rng.choice(VALUES))] * rng.choice((1, 1, 2, 130))
            case _:
                headers.append((rng.choice(NAMES), rng.choice(VALUES)))
        return line

    def frames(self) -> list[bytes]:
        """Return a few frames that follow each other, at least one of them not as it should be."""
        rng = self.rng
        match rng.randrange(6):
            case 0:
                return [each.encoded() for each in self._fragmented()]
            case 1:
                return [mutate_bytes(rng, self._one().encoded())]
            case 2:
                return [
                    PartsOfFrame(rng.choice((PING, PONG)), rng.randbytes(rng.choice((0, 4, 125, 126)))).encoded()
                ] * 3
            case 3:
                return [self._close()]
            case _:
                return [self._lying(self._one()).encoded()]

    def _one(self) -> PartsOfFrame:
        return PartsOfFrame(BINARY, self._payload(), mask=self.rng.randbytes(4))

    def _lying(self, honest: PartsOfFrame) -> PartsOfFrame:
        rng = self.rng
        return PartsOfFrame(
            opcode=rng.choice((honest.opcode, honest.opcode, rng.randrange(16))),
            payload=rng.choice((honest.payload, honest.payload, rng.choice(NOT_UTF8))),
            final=rng.random() < 0.8,
            reserved=rng.choice((0, 0, 0, rng.randrange(8))),
            mask=None if rng.random() < 0.1 else honest.mask,
            declared=rng.choice((None, None, rng.choice(LENGTH_LIES))),
            width=rng.choice((0, 0, 7, 16, 64)),
        )

    def _fragmented(self) -> list[PartsOfFrame]:
        rng = self.rng
        payload = self._payload()
        cuts = sorted(rng.randint(0, len(payload)) for _ in range(rng.choice((1, 1, 3, 40))))
        pieces = [payload[at:to] for at, to in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        last = len(pieces) - 1
        opcode = rng.choice((BINARY, BINARY, TEXT))
        parts = [PartsOfFrame(CONTINUATION if n else opcode, each, final=n == last) for n, each in enumerate(pieces)]
        match rng.randrange(6):
            case 0:
                parts.insert(rng.randint(0, last), PartsOfFrame(PING, b"between"))
            case 1:
                parts[-1] = PartsOfFrame(CONTINUATION, b"", final=False)
            case 2:
                parts.insert(rng.randint(0, last), PartsOfFrame(BINARY, payload))
            case 3:
                parts.append(PartsOfFrame(CONTINUATION, payload))
            case 4:
                parts.insert(rng.randint(0, last), PartsOfFrame(rng.choice((CLOSE, PING)), b"", final=False))
            case _:
                pass  # Legal, which few tests of fragments are.
        return parts

    def _close(self) -> bytes:
        rng = self.rng
        payload = rng.choice(CLOSE_CODES).to_bytes(2, "big") + rng.choice((b"", b"why", *NOT_UTF8, b"x" * 124))
        return PartsOfFrame(CLOSE, rng.choice((payload, payload, payload[:1], b"")), final=rng.random() < 0.9).encoded()
