"""What both drivers share; what is a match's or a lobby's is tried in their own tests."""

from __future__ import annotations

from random import Random

import pytest

from game_client import Client, JoinRefused, LobbyRefused, join
from tests.game_client.shell.tiny_server import TinyServer


async def test_a_client_follows_a_move_while_joining_with_the_token_it_came_with() -> None:
    asked: list[str] = []

    def token() -> str:
        asked.append(f"token-{len(asked)}")
        return asked[-1]

    async with TinyServer() as wrong, TinyServer() as right:
        wrong.moved_to = right.url
        async with join(wrong.url, token=token) as client:
            assert (client.status.phase, client.session.url) == ("live", right.url)
        assert (wrong.credentials, right.credentials, asked) == (["token-0"], ["token-0"], ["token-0"])


async def test_a_client_that_comes_back_follows_a_move_with_its_resume_token() -> None:
    async with TinyServer() as old, TinyServer() as new, join(old.url, name="Ada", rng=Random(1)) as client:
        old.moved_to = new.url
        old.cut()
        async for _ in client.states():
            if client.session.url == new.url:
                break
        assert new.credentials[0].startswith("tickwire-resume-1.")


async def test_nodes_that_name_each_other_are_a_refusal_and_no_endless_hunt() -> None:
    async with TinyServer() as one, TinyServer() as other:
        one.moved_to, other.moved_to = other.url, one.url
        with pytest.raises(JoinRefused, match="1012"):
            await Client(one.url, name="Ada").start()
        assert len(one.credentials) + len(other.credentials) == 5


async def test_a_used_ticket_of_a_function_is_asked_for_again_within_the_same_dial() -> None:
    asked: list[str] = []

    async def token() -> str:
        asked.append(f"tickwire-ticket-1.{len(asked)}")
        return asked[-1]

    async with TinyServer() as server:
        server.used.add("tickwire-ticket-1.0")
        async with join(server.url, token=token) as client:
            assert client.status.attempt == 0
        assert server.credentials == asked == ["tickwire-ticket-1.0", "tickwire-ticket-1.1"]


@pytest.mark.parametrize(("retry_after_ms", "dials"), [(0, 1), (20, 3)])
async def test_a_lobby_that_refuses_a_ticket_is_asked_again_only_if_it_says_so(retry_after_ms: int, dials: int) -> None:
    asked: list[int] = []

    async def token() -> str:
        asked.append(1)
        if len(asked) < 3:
            raise LobbyRefused("unavailable", "directory unavailable", retry_after_ms)
        return "ticket"

    async with TinyServer() as server:
        client = Client(server.url, token=token, patient=True, rng=Random(1))
        if retry_after_ms:
            await client.start()
            await client.stop()
        else:
            with pytest.raises(JoinRefused, match=r"directory unavailable \(unavailable\)"):
                await client.start()
    assert len(asked) == dials
