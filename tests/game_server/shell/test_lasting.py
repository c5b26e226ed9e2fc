"""Lasting work: an error does not end it, its own end and a cancel do."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from game_server.shell.lasting import lasting


async def test_work_that_fails_is_told_of_and_begins_anew() -> None:
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise ValueError("a record of another version")

    with capture_logs() as logs:
        await lasting(work, "poll", pause_s=0.0)
    assert runs == 3
    assert [(each["event"], each["task"]) for each in logs] == [("task_failed", "poll")] * 2


async def test_a_cancel_ends_it() -> None:
    task = lasting(asyncio.Event().wait, "poll")  # type: ignore[arg-type]
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
