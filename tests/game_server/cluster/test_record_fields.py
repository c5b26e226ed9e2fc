"""Records survive being lists."""

import pytest

from game_server.cluster import record_fields as fields
from game_server.cluster.records import Listing, MatchSpec, NodeRecord, Owner

OWNER = Owner("m", "n0", 5, 77)
ATTRIBUTES = (("mode", "duel"), ("region", "eu"))


def test_records_come_back_as_they_were() -> None:
    node = NodeRecord("n0", 5, "ws://a:1", "Arena", "1", 7, 1, 2, 3, 4, True)
    assert fields.node_of(fields.node_fields(node)) == node
    assert fields.owner_of(fields.owner_fields(OWNER), 77) == OWNER
    spec = MatchSpec("m", ATTRIBUTES, True, "ABC")
    assert fields.order_of(fields.order_fields(spec, OWNER), 77) == (spec, OWNER)
    listing = Listing("m", "n0", 5, 1, 8, 2, ATTRIBUTES, False, "")
    assert fields.listing_of(fields.listing_fields(listing)) == listing


def test_a_list_of_another_version_is_an_error_and_no_record() -> None:
    for read in (fields.node_of, fields.listing_of):
        with pytest.raises((TypeError, ValueError)):
            read([1, 2])
