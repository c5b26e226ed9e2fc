"""The window for Arena: a pygame program that stands on `game_client.Bridge`."""
