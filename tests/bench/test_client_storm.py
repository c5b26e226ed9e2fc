"""A storm of real clients, in small."""

from collections.abc import Iterator

import pytest

from bench import client_storm
from bench.client_storm import Came, Member, tell_came, wait_back
from bench.report import Report
from bench.serving import serve
from demo_client.children import Children, ServerChild
from tests.bench.told import misses, value


@pytest.fixture
def server() -> Iterator[ServerChild]:
    with Children() as children:
        yield serve(children, "bench.games:Quiet", handshakes_per_second_max=1000)


def test_all_real_clients_that_are_cut_return_by_themselves(silent_report: Report) -> None:
    client_storm.client_storm(silent_report, count=8)
    assert misses(silent_report) == []
    assert value(silent_report, "client_storm_returned") == 8
    assert value(silent_report, "client_storm_returned_s") > 0


def test_those_who_are_not_back_lost_their_seats_or_needed_a_keyframe_are_not_ok(silent_report: Report) -> None:
    tell_came(silent_report, [Came(None, True, False), Came(11.0, False, True), Came(1.0, True, False)], 3)
    assert [each.figure for each in misses(silent_report)] == [
        "client_storm_returned", "client_storm_seats_lost", "client_storm_returned_s", "client_storm_by_delta",
    ]  # fmt: skip


async def test_one_who_lost_its_token_is_in_another_seat_and_counted(server: ServerChild) -> None:
    member = Member(1, server.url())
    await member.client.start()
    member.client.session._held.forget_token()
    member.cut()
    assert not member.back and member.came().back_s is None
    await wait_back([member], 10.0)
    came = member.came()
    await member.client.stop()
    assert came.back_s is not None and not came.same_seat and not came.by_delta
