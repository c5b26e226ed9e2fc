"""What both ends of the wire agree on: vocabulary, messages, state, close codes. Imports nothing else of Tickwire."""

from protocol.declare import (
    Chat,
    Command,
    Edge,
    Entity,
    Event,
    Input,
    Said,
    can_see,
    everyone,
    kept,
    owner,
    replicated,
)
from protocol.errors import GameFault, NodeFault, PeerFault, TickwireError, UsageFault
from protocol.ids import EntityId, MatchId, SeatId, Tick

__all__ = [
    "Chat", "Command", "Edge", "Entity", "EntityId", "Event", "GameFault", "Input", "MatchId", "NodeFault",
    "PeerFault", "Said", "SeatId", "Tick", "TickwireError", "UsageFault", "can_see", "everyone", "kept", "owner",
    "replicated",
]  # fmt: skip
