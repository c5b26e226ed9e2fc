"""Every script's file is found, and those of the lobby begin with what they share."""

from pathlib import Path

from game_server.shell import directory_scripts
from game_server.shell.directory_scripts import script

FOLDER = Path(directory_scripts.__file__).with_name("scripts")


def test_a_script_is_its_file_and_the_lobby_s_share_a_beginning() -> None:
    assert script("node_lease").source == (FOLDER / "node_lease.lua").read_text()
    assert script("lobby_claim").source.startswith("-- What every script of the lobby begins with")
    assert script("lobby_claim") is script("lobby_claim")


def test_every_script_says_what_it_does() -> None:
    assert all(path.read_text().startswith("-- ") for path in FOLDER.glob("*.lua"))
