"""What the gateway has around it in compose, on loopback: nodes that tell what reached them, and their DNS."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

NAME_ERROR = 3
ANSWER = struct.Struct("!HHHLH4s")
"""One A record of the question's name: pointer to it (RFC 1035, 4.1.4), type, class, TTL, length, address."""


@dataclass
class FakeNode:
    """Upgrades everybody, says first what it was asked, then echoes; with a `status` it refuses everybody."""

    name: str
    address: str
    status: int = 101
    asked: list[str] = field(default_factory=list)

    def judge(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request.path)
        if self.status == 101 and request.headers.get("Upgrade") == "websocket":
            return None
        status = 200 if self.status == 101 else self.status
        body = json.dumps({"node": self.name, "path": request.path, "reason": "its own"}).encode()
        headers = {"Content-Length": str(len(body)), "Connection": "close"}
        return Response(status, "as told", Headers(headers), body)

    async def talk(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None
        told = {name.lower(): value for name, value in request.headers.raw_items()}
        await connection.send(json.dumps({"node": self.name, "path": request.path, "headers": told}))
        async for message in connection:
            await connection.send(message)


class FakeDns(asyncio.DatagramProtocol):
    """Answers questions for the IPv4 addresses of the names it knows, as Docker's DNS does for containers."""

    def __init__(self, names: dict[str, list[str]]) -> None:
        self.names = names
        self.questions: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        end = data.index(b"\0", 12) + 5  # the root label, type and class
        name = _name(data[12:end])
        self.questions.append(name)
        found = self.names.get(name)
        flags = 0x8180 if found else 0x8180 | NAME_ERROR
        head = struct.pack("!6H", *struct.unpack("!H", data[:2]), flags, 1, len(found or ()), 0, 0)
        answers = [ANSWER.pack(0xC00C, 1, 1, 600, 4, socket.inet_aton(each)) for each in found or ()]
        self.transport.sendto(b"".join([head, data[12:end], *answers]), address)


def _name(question: bytes) -> str:
    labels = []
    while question[0]:
        labels.append(question[1 : question[0] + 1].decode())
        question = question[question[0] + 1 :]
    return ".".join(labels)


@asynccontextmanager
async def fake_dns(names: dict[str, list[str]]) -> AsyncIterator[tuple[FakeDns, int]]:
    """Serve `names`, which may change meanwhile; yield the server and its UDP port."""
    loop = asyncio.get_running_loop()
    transport, dns = await loop.create_datagram_endpoint(lambda: FakeDns(names), local_addr=("127.0.0.1", 0))
    try:
        yield dns, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


@asynccontextmanager
async def fake_node(node: FakeNode, port: int) -> AsyncIterator[FakeNode]:
    """Let `node` listen on its own address."""
    async with serve(node.talk, node.address, port, process_request=node.judge):
        yield node


@asynccontextmanager
async def deaf_address(address: str, port: int) -> AsyncIterator[None]:
    """An address where a connection is neither made nor refused, like that of a container that is gone."""
    with socket.socket() as listener:
        listener.bind((address, port))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        try:
            for each in waiting:  # more than the backlog takes: from here on the kernel drops what comes
                each.setblocking(False)
                each.connect_ex((address, port))
            yield
        finally:
            for each in waiting:
                each.close()
