"""Upgrades as the tests of authenticators ask for them, and how they are refused."""

import inspect
from dataclasses import replace
from typing import Any

import pytest

from game_server.session.credentials import ResumeToken
from game_server.shell.authenticators import Credentials, Player, Refused, Upgrade


def upgrade(credential: str | None = None, **changed: Any) -> Upgrade:
    """A player's upgrade from this machine, some fields `changed`."""
    return replace(Upgrade("1", credential, "127.0.0.1", {}, False), **changed)


def refusal(authenticator: Any, asked: Upgrade) -> tuple[int, str]:
    """The status and reason with which it is refused; the sentence must not repeat the credential."""
    with pytest.raises(Refused) as caught:
        authenticator.authenticate(asked)
    refused = caught.value
    assert refused.sentence and (not asked.credential or asked.credential not in refused.sentence)
    return refused.status, refused.reason


async def judged(credentials: Credentials, asked: Upgrade) -> Player | ResumeToken:
    """Who comes, waited for if need be."""
    answer = credentials.judge(asked)
    return await answer if inspect.isawaitable(answer) else answer
