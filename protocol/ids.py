"""The identifiers both ends exchange, each a type of its own."""

from typing import NewType

Tick = NewType("Tick", int)
"""A step of a match's simulation, counted from 0; also the sequence number of its state."""

EntityId = NewType("EntityId", int)
"""An entity of a match; small, reused after a quarantine, told apart by its generation."""

SeatId = NewType("SeatId", int)
"""A place in a match, counted from 0."""

MatchId = NewType("MatchId", str)
"""A match, as it stands in the path ``/v1/match/<id>``."""

NodeId = NewType("NodeId", str)
"""A server process, as it stands in the path ``/n/<id>/v1/match/<match>``: 1 to 24 of a-z, 0-9 and -."""

NO_SEAT = -1
"""Stands on the wire where an entity has no owner."""
