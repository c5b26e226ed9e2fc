"""URLs of every set-up, and what is said of wrong ones."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection

from game_server.shell.redis_url import parse_redis_url
from protocol.errors import UsageFault


def test_a_single_server() -> None:
    url = parse_redis_url("redis://10.0.0.1:7000/3")
    assert (url.set_up, url.addresses, url.shown) == ("single", (("10.0.0.1", 7000),), "10.0.0.1:7000")
    connection = url.connection(url.addresses[0])
    assert (connection.host, connection.port, connection.db) == ("10.0.0.1", 7000, 3)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("redis://", (("localhost", 6379),)),
        ("valkey://cache", (("cache", 6379),)),
        ("redis://[::1]:7000", (("::1", 7000),)),
        ("redis+sentinel://a,b:1/main", (("a", 26379), ("b", 1))),
        ("redis+cluster://a:1, b", (("a", 1), ("b", 6379))),
        ("unix:///run/redis%20x.sock?db=2", (("/run/redis x.sock", 0),)),
    ],
)
def test_hosts_ports_and_their_defaults(text: str, addresses: tuple[tuple[str, int], ...]) -> None:
    assert parse_redis_url(text).addresses == addresses


def test_login_and_database_go_to_the_servers_and_a_sentinel_has_its_own() -> None:
    url = parse_redis_url("redis+sentinel://tickwire:p%40ss@a,b/main/2?sentinel_username=watch&sentinel_password=other")
    assert (url.set_up, url.service) == ("sentinel", "main")
    server, sentinel = url.connection(("c", 1)), url.sentinel_connection(("a", 2))
    assert (server.username, server.password, server.db) == ("tickwire", "p@ss", 2)
    assert (sentinel.username, sentinel.password, sentinel.db) == ("watch", "other", 0)


def test_a_unix_socket() -> None:
    url = parse_redis_url("unix://:secret@/run/redis.sock?db=2")
    connection = url.connection(url.addresses[0])
    assert isinstance(connection, UnixDomainSocketConnection)
    assert (connection.path, connection.password, connection.db) == ("/run/redis.sock", "secret", 2)


def test_tls_is_made_once_for_all_connections() -> None:
    url = parse_redis_url("rediss+cluster://a,b?ssl_check_hostname=no")
    one, two = (url.connection(address) for address in url.addresses)
    assert isinstance(one, SSLConnection) and isinstance(two, SSLConnection)
    assert one.ssl_context is two.ssl_context
    assert not one.ssl_context.get().check_hostname


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("http://secret@a", "a Redis URL is redis://"),
        ("localhost:6379", "a Redis URL is redis://"),
        ("redis://a,b", "several hosts"),
        ("redis://a:99999", "a host that is none"),
        ("redis://a:x", "a host that is none"),
        ("redis://a/x", "the database in the Redis URL is no number"),
        ("redis://a/1/2", "more path"),
        ("redis://a?timeout=3", "unknown option 'timeout'"),
        ("redis://a?ssl_ca_certs=b", "ssl_ options go with rediss://"),
        ("rediss://a?ssl_ca_certs=/no/such/file", "ssl_ca_certs=/no/such/file"),
        ("rediss://a?ssl_cert_reqs=perhaps", "TLS options do not do"),
        ("unix://run/redis.sock", "three slashes"),
        ("redis+sentinel://a", "names the service"),
        ("redis+cluster://a/1", "no databases but 0"),
    ],
)
def test_a_wrong_url_is_told_what_is_wrong(text: str, sentence: str) -> None:
    with pytest.raises(UsageFault) as caught:
        parse_redis_url(text)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_what_is_shown_has_no_password() -> None:
    for text in ("redis://u:secret@a", "redis+sentinel://u:secret@a,b/main", "unix://u:secret@/a"):
        assert "secret" not in parse_redis_url(text).shown
        assert "secret" not in repr(parse_redis_url(text))
