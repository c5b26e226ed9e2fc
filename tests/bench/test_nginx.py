"""nginx in front of a server."""

import shutil
from urllib.request import urlopen

import pytest

from bench import nginx
from bench.nginx import Nginx
from bench.raw_socket import RawSocket, Request, run_loop
from bench.serving import serve
from demo_client.children import Children


@pytest.mark.skipif(shutil.which("nginx") is None, reason="there is no nginx")
def test_a_client_joins_through_it() -> None:
    async def join(url: str) -> bool:
        raw = RawSocket(Request(url, "behind"))
        joined = await raw.join()
        raw.cut()
        return joined

    with Children() as children:
        server = serve(children, "bench.games:Quiet")
        with Nginx(server.address) as address:
            assert address != server.address
            assert run_loop(join(f"ws://{address}/v1/match/1"))
        with pytest.raises(OSError):
            urlopen(f"http://{address}/healthz", timeout=1)


def test_its_configuration_bounds_what_it_holds_for_a_slow_client() -> None:
    text = nginx.shipped("/f", 1, "127.0.0.1:2")
    for line in ("listen 127.0.0.1:1 sndbuf=32k;", "server 127.0.0.1:2;", "proxy_buffering off;", "/f/access.log"):
        assert line in text
