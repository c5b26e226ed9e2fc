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

NO_SEAT = -1
"""Stands on the wire where an entity has no owner."""
