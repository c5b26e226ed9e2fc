"""Names in the directory: one hash tag each, so that a cluster can keep what belongs together together."""

import re

from game_server.cluster.keys import lobby_key, match_keys, node_keys


def test_every_name_of_a_script_has_the_same_tag() -> None:
    for keys in (node_keys("n0"), match_keys("m-1"), (lobby_key("Arena"),)):
        assert len({re.findall(r"\{(.*?)\}", key)[0] for key in keys}) == 1
        assert all(key.startswith("tw1:") for key in keys)
    assert len(set(match_keys("m"))) == 4
