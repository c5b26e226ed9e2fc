"""A real nginx in front of a server, on a free port, with the configuration that `deploy/` ships.

To test: `tests/bench/test_nginx.py`.
"""

import socket
import subprocess
import tempfile
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType

from bench.report import ROOT

START_S = 5.0
SHIPPED = ROOT / "deploy" / "nginx.conf"
WHOLE = """
daemon off; worker_processes 1; pid {folder}/pid;
events {{ worker_connections 4096; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/tickwire.conf;
}}
"""


def shipped(folder: str, port: int, upstream: str) -> str:
    """Return the configuration that `deploy/` ships, with other addresses."""
    text = SHIPPED.read_text(encoding="utf-8")
    for old, new in (
        ("listen 80 ", f"listen 127.0.0.1:{port} "),
        ("127.0.0.1:7777", upstream),
        ("/var/log/nginx/tickwire.log", f"{folder}/access.log"),
    ):
        assert old in text, f"deploy/nginx.conf has no {old!r}"
        text = text.replace(old, new)
    return text


class Nginx:
    """`with Nginx("127.0.0.1:7777") as address`: what is sent to `address` reaches the server."""

    def __init__(self, upstream: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._folder = tempfile.TemporaryDirectory(prefix="tickwire-nginx-")
        folder = self._folder.name
        self._file = Path(folder) / "nginx.conf"
        self._file.write_text(WHOLE.format(folder=folder), encoding="utf-8")
        Path(folder, "tickwire.conf").write_text(shipped(folder, self.port, upstream), encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> str:
        self._process = subprocess.Popen(
            ["nginx", "-p", self._folder.name, "-c", str(self._file), "-e", f"{self._folder.name}/error.log"]
        )
        until = monotonic() + START_S
        while monotonic() < until and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
                return f"127.0.0.1:{self.port}"
            except OSError:
                sleep(0.05)
        self.__exit__(None, None, None)
        raise RuntimeError("nginx does not answer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._folder.cleanup()
