"""What a lobby gave a guest to be known by, kept over a restart of the program: who crashed can rejoin the match.

One file for each server and name, readable by its owner only. A window holds its file locked: a second one with the
same name is another guest, and not the same one on two devices. Without locks (on Windows) nothing is kept.
To test: `tests/demo_client/test_guest_pass.py`.
"""

import os
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import time

if sys.platform != "win32":
    import fcntl

KEPT_S = 7 * 24 * 3600.0
"""An older file is of no use to anybody, and is removed."""
CREDENTIAL_LENGTH_MAX = 512


def state_folder() -> Path:
    """Return where programs keep what they know from run to run."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "tickwire" / "guests"


class GuestPass:
    """The credential of one name at one lobby; None where there is none. It never fails: at worst nothing is kept."""

    def __init__(self, url: str, name: str, folder: Path | None = None) -> None:
        self.credential: str | None = None
        self._file: int | None = None
        with suppress(OSError, RuntimeError):  # A disk that is full or read-only, a user without a home.
            self._open(url, name, folder or state_folder())

    def keep(self, credential: str) -> None:
        """Remember what the lobby gave."""
        if credential and credential != self.credential:
            self.credential = credential
            if self._file is not None:
                with suppress(OSError):
                    os.ftruncate(self._file, 0)
                    os.pwrite(self._file, credential.encode(), 0)

    def close(self) -> None:
        """Let go of the file; what was kept stays."""
        held, self._file = self._file, None
        if held is not None:
            os.close(held)

    def _open(self, url: str, name: str, folder: Path) -> None:
        if sys.platform == "win32":
            return
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _forget_old(folder)
        path = folder / sha256(f"{url}\n{name}".encode()).hexdigest()[:24]
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            text = os.pread(opened, CREDENTIAL_LENGTH_MAX, 0).decode("ascii", errors="ignore").strip()
        except OSError:  # Another window holds it.
            os.close(opened)
            return
        self._file, self.credential = opened, text or None


def _forget_old(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):
            if time() - path.stat().st_mtime > KEPT_S:
                path.unlink()
