"""`demo_client/guest_pass.py`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from demo_client.guest_pass import KEPT_S, GuestPass, state_folder

pytest.importorskip("fcntl")
URL = "ws://a:7777/v1/lobby"


def test_what_was_kept_is_there_after_a_restart_for_the_same_name_and_server_only(tmp_path: Path) -> None:
    before = GuestPass(URL, "Ada", tmp_path)
    assert before.credential is None
    before.keep("tickwire-guest-1.long-enough")
    before.keep("tickwire-guest-1.x")
    before.close()
    again = GuestPass(URL, "Ada", tmp_path)
    assert again.credential == "tickwire-guest-1.x"
    again.close()
    for url, name in ((URL, "Bob"), ("ws://b:7777/v1/lobby", "Ada")):
        other = GuestPass(url, name, tmp_path)
        assert other.credential is None
        other.close()


def test_a_second_window_with_the_same_name_is_another_guest(tmp_path: Path) -> None:
    first = GuestPass(URL, "Ada", tmp_path)
    first.keep("first")
    second = GuestPass(URL, "Ada", tmp_path)
    assert second.credential is None
    second.keep("second")
    assert second.credential == "second"  # For as long as it runs.
    second.close()
    first.close()
    third = GuestPass(URL, "Ada", tmp_path)
    assert third.credential == "first"
    third.close()


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    held = GuestPass(URL, "Ada", tmp_path / "deep" / "down")
    held.keep("secret")
    held.close()
    [path] = (tmp_path / "deep" / "down").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Ada" not in path.name


def test_old_files_are_removed(tmp_path: Path) -> None:
    held = GuestPass(URL, "Ada", tmp_path)
    held.keep("old")
    held.close()
    [path] = tmp_path.iterdir()
    aged = path.stat().st_mtime - KEPT_S - 10
    os.utime(path, (aged, aged))
    again = GuestPass(URL, "Ada", tmp_path)
    assert again.credential is None
    again.close()


def test_where_nothing_can_be_kept_the_window_works_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    held = GuestPass(URL, "Ada", tmp_path / "file")
    held.keep("credential")
    assert held.credential == "credential"
    held.close()


def test_the_folder_is_the_one_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder() == tmp_path / "tickwire" / "guests"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert state_folder() == Path("/home/ada/.local/state/tickwire/guests")
