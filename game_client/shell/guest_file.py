"""The credential by which a lobby knows a guest again, in a file: a program that was started anew can rejoin its match.

To test: `tests/game_client/shell/test_guest_file.py`.
"""

import os
from contextlib import suppress
from pathlib import Path

from protocol.errors import UsageFault
from protocol.handshake import CREDENTIAL_LENGTH_MAX, GUEST_PREFIX


class GuestFile:
    """One credential; readable by its owner only, replaced as a whole. One file for each player on a machine."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def read(self) -> str:
        """Return what is kept, "" for nothing. *Raises* `UsageFault` for a file that is something else."""
        try:
            with self._path.open(encoding="ascii") as file:
                credential = file.read(CREDENTIAL_LENGTH_MAX + 1).strip()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise UsageFault(f"{self._path} cannot be read as a guest's credential: {error}") from None
        if credential and not credential.startswith(GUEST_PREFIX):
            raise UsageFault(f"{self._path} is not a guest's credential: give a file of its own")
        return credential

    def write(self, credential: str) -> bool:
        """Keep a credential; tell whether that was possible: a full disk ends no game."""
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(credential + "\n")
            os.replace(fresh, self._path)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            return False
        return True
