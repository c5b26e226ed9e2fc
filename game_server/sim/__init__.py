"""The simulation: world, inputs by tick, and the match machine that runs a game at a fixed rate."""
