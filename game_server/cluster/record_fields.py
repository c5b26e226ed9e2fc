"""Records as flat lists, which is what a sealed value carries, and back.

To test: `tests/game_server/cluster/test_record_fields.py`.
"""

from typing import Any

from game_server.cluster.records import Attributes, Listing, MatchSpec, NodeRecord, Owner


def node_fields(record: NodeRecord) -> list[Any]:
    """Return a node's record as a list."""
    return [
        record.node, record.boot, record.address, record.game, record.build, record.schema_hash, record.matches,
        record.matches_max, record.seats, record.players, int(record.draining),
    ]  # fmt: skip


def node_of(fields: list[Any]) -> NodeRecord:
    """Return the record that `node_fields` made a list of. Raises `TypeError` for another list."""
    *told, draining = fields
    return NodeRecord(*[*told, bool(draining)])


def owner_fields(owner: Owner) -> list[Any]:
    """Return an owner record as a list; its epoch is the sealed value's own."""
    return [owner.match, owner.node, owner.boot]


def owner_of(fields: list[Any], epoch: int) -> Owner:
    """Return the record that `owner_fields` made a list of. Raises `TypeError` for another list."""
    match, node, boot = fields
    return Owner(match, node, boot, epoch)


def order_fields(spec: MatchSpec, owner: Owner) -> list[Any]:
    """Return an order as a list: whose the match is, and what it is."""
    return [*owner_fields(owner), int(spec.private), spec.code, *_flat(spec.attributes)]


def order_of(fields: list[Any], epoch: int) -> tuple[MatchSpec, Owner]:
    """Return what `order_fields` made a list of. Raises `ValueError` or `TypeError` for another list."""
    match, node, boot, private, code, *pairs = fields
    return MatchSpec(match, _pairs(pairs), bool(private), code), Owner(match, node, boot, epoch)


def listing_fields(listing: Listing) -> list[Any]:
    """Return a listing as a list."""
    return [
        listing.match, listing.node, listing.boot, listing.seats, listing.seats_max, listing.spectators,
        int(listing.private), listing.code, *_flat(listing.attributes),
    ]  # fmt: skip


def listing_of(fields: list[Any]) -> Listing:
    """Return what `listing_fields` made a list of. Raises `ValueError` or `TypeError` for another list."""
    match, node, boot, seats, seats_max, spectators, private, code, *pairs = fields
    return Listing(match, node, boot, seats, seats_max, spectators, _pairs(pairs), bool(private), code)


def _flat(attributes: Attributes) -> list[str]:
    return [text for pair in attributes for text in pair]


def _pairs(texts: list[str]) -> Attributes:
    return tuple(zip(texts[::2], texts[1::2], strict=True))
