from __future__ import annotations

from pathlib import Path

import pytest

from game_client.shell.guest_file import GuestFile
from protocol.errors import UsageFault


def test_what_is_kept_is_read_again_by_its_owner_only(tmp_path: Path) -> None:
    file = GuestFile(tmp_path / "guest")
    assert file.read() == ""
    assert file.write("tickwire-guest-1.one")
    assert file.write("tickwire-guest-1.two")
    assert GuestFile(str(tmp_path / "guest")).read() == "tickwire-guest-1.two"
    assert (tmp_path / "guest").stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["guest"]


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    assert not GuestFile(tmp_path / "nowhere" / "guest").write("tickwire-guest-1.one")
    (tmp_path / "folder").mkdir()
    assert not GuestFile(tmp_path / "folder").write("tickwire-guest-1.one")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("content", [b"a diary", b"\xff\xfe", b"x" * 5000])
def test_a_file_that_is_something_else_is_a_mistake(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "guest").write_bytes(content)
    with pytest.raises(UsageFault, match="guest"):
        GuestFile(tmp_path / "guest").read()


def test_an_empty_file_is_no_credential(tmp_path: Path) -> None:
    (tmp_path / "guest").write_text("\n")
    assert GuestFile(tmp_path / "guest").read() == ""


def test_a_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="cannot be read"):
        GuestFile(tmp_path).read()
