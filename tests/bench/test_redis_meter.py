"""What Redis says of itself, read in numbers."""

import asyncio

from bench.redis_meter import Reading, info, read
from game_server.shell.redis_link import RedisLink


def test_what_was_spent_lies_between_two_readings() -> None:
    spent = Reading(12.0, 500, 3.0, 0, 0).since(Reading(10.0, 100, 2.0, 0, 0))
    assert (spent.seconds, spent.commands_per_s, spent.busy) == (2.0, 200.0, 0.5)


def test_an_answer_is_read_as_text_and_as_fields() -> None:
    assert info(b"# Memory\r\nused_memory:7\r\n") == {"used_memory": "7"}
    assert info({"db0": {"keys": 3}}) == {"db0": "keys=3"}


def test_commands_and_keys_of_a_real_one_are_counted(redis_url: str) -> None:
    async def count() -> tuple[Reading, Reading]:
        link = RedisLink(redis_url)
        await link.connect()
        before = await read(link)
        for n in range(5):
            await link.call("SET", f"key{n}", "1")
        after = await read(link)
        await link.close()
        return before, after

    before, after = asyncio.run(count())
    assert after.keys - before.keys == 5
    assert after.commands - before.commands >= 5
    assert after.memory_bytes > 0
