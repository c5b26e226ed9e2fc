"""200,000 mutants in this process, 5,000 and a warm-up into the sockets of a server."""

import pytest

from bench.fuzz import fuzz_in_process
from bench.fuzz_live import fuzz_live, fuzzed_server
from demo_client.children import Children

RSS_BYTES_PER_FRAME_MOST = 1.0


@pytest.mark.slow
def test_200_000_mutants_escape_nowhere_and_leave_no_memory_behind(seed: int) -> None:
    result = fuzz_in_process(200_000, seed)
    assert result.clean, result.findings
    assert result.rss_bytes_per_frame <= RSS_BYTES_PER_FRAME_MOST


@pytest.mark.slow
def test_a_server_outlives_5_000_mutants_and_its_memory_stands(seed: int) -> None:
    with Children() as children:
        result = fuzz_live(fuzzed_server(children), 5_000, seed)
    assert result.clean, result.findings
    assert result.frames >= 5_000
    assert result.rss_bytes_per_frame <= RSS_BYTES_PER_FRAME_MOST
