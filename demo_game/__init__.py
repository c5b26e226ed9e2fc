"""Arena, the demo game: up to 32 ships in a walled field that thrust, turn, shoot, die and come back.

`entities`, `rules` and `bots` import only `protocol`, so both ends use them; `arena` is the game the server runs.
"""
