"""Settings: from arguments, the environment and defaults, and every mistake is told."""

import pytest

from game_server.shell.settings import Settings, metrics_port_of, read_settings
from protocol.errors import UsageFault


def test_without_anything_the_defaults_hold() -> None:
    settings = read_settings({})
    assert (settings.host, settings.port, settings.matches) == ("127.0.0.1", 7777, 1)


def test_the_environment_is_read_and_an_argument_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKWIRE_PORT", "8000")
    monkeypatch.setenv("TICKWIRE_MATCHES", "3")
    settings = read_settings(port=9000)
    assert (settings.port, settings.matches) == (9000, 3)


def test_an_unknown_name_in_the_environment_names_the_nearest() -> None:
    with pytest.raises(UsageFault, match="TICKWIRE_PROT, which is no setting; did you mean TICKWIRE_PORT"):
        read_settings({"TICKWIRE_PROT": "8000"})


def test_an_unknown_name_that_resembles_nothing_lists_what_there_is() -> None:
    with pytest.raises(UsageFault, match="TICKWIRE_HOST"):
        read_settings({"TICKWIRE_ZZZZ": "1"})


def test_an_unknown_argument_is_told() -> None:
    with pytest.raises(UsageFault, match="did you mean matches"):
        read_settings({}, match=2)


def test_a_value_out_of_range_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageFault, match="port = 70000"):
        read_settings({}, port=70000)
    monkeypatch.setenv("TICKWIRE_MATCHES", "many")
    with pytest.raises(UsageFault, match="TICKWIRE_MATCHES = 'many'"):
        read_settings()


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (
            {"host": "0.0.0.0"},
            "TICKWIRE_HOST=0.0.0.0 is not loopback: choose TICKWIRE_AUTH=jwt or ticket, or dev-anywhere",
        ),
        ({"host": "192.0.2.1", "auth": "dev, ticket", "secret": "k:00"}, "is not loopback"),
        ({"auth": "ticket"}, "set TICKWIRE_SECRET_FILE or TICKWIRE_SECRET"),
        ({"secret": "k:00", "secret_file": "x"}, "TICKWIRE_SECRET and TICKWIRE_SECRET_FILE are both set"),
        ({"auth": "jwt"}, "set TICKWIRE_JWT_KEY_FILE or TICKWIRE_JWT_JWKS_FILE"),
        (
            {"auth": "jwt", "jwt_key_file": "a", "jwt_jwks_file": "b"},
            "TICKWIRE_JWT_KEY_FILE and TICKWIRE_JWT_JWKS_FILE are both set",
        ),
        ({"auth": "password"}, "there is no 'password'; there are dev, dev-anywhere, jwt, ticket"),
        ({"auth": " , "}, "nobody could join"),
        ({"auth": "dev,jwt", "jwt_key_file": "a"}, "there can be only one"),
        ({"tls_key_file": "key.pem"}, "without TICKWIRE_TLS_CERT_FILE"),
        ({"unlimited_networks": "10.0.0.0/33"}, "TICKWIRE_UNLIMITED_NETWORKS: '10.0.0.0/33' is no network"),
        ({"trusted_proxies": "proxy.local"}, "TICKWIRE_TRUSTED_PROXIES: 'proxy.local' is no network"),
        ({"allowed_origins": "game.example"}, "TICKWIRE_ALLOWED_ORIGINS: 'game.example' is no origin"),
        ({"port": 65000}, "TICKWIRE_PORT=65000 leaves no .*: set TICKWIRE_METRICS_PORT, -1 for none"),
    ],
)
def test_settings_that_do_not_go_together_are_told_with_the_choices(given: dict[str, str], match: str) -> None:
    with pytest.raises(UsageFault, match=match):
        read_settings({}, **given)


def test_settings_that_go_together_pass() -> None:
    for given in (
        {"host": "localhost"},
        {"host": "::1"},
        {"host": "0.0.0.0", "auth": "dev-anywhere"},
        {"host": "0.0.0.0", "auth": "jwt,ticket", "jwt_key_file": "a", "secret": "k:00"},
        {"trusted_proxies": "10.0.0.0/8, ::1/128", "allowed_origins": "*"},
        {"port": 65000, "metrics_port": -1},
    ):
        read_settings({}, **given)


def test_metrics_have_a_port_of_their_own() -> None:
    for given, port in (
        ({}, 8777),
        ({"port": 9000}, 10_000),
        ({"port": 0}, 0),
        ({"metrics_port": 9100}, 9100),
        ({"metrics_port": 0}, 0),
        ({"metrics_port": -1}, None),
    ):
        assert metrics_port_of(read_settings({}, **given)) == port


def test_a_secret_is_never_shown() -> None:
    assert "abcdef" not in repr(read_settings({}, secret="k:abcdef"))
    with pytest.raises(UsageFault) as caught:
        read_settings({}, secret=["k:abcdef"])
    assert "abcdef" not in str(caught.value)


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())


SECRET = "k:" + "ab" * 32


def test_a_node_alone_has_a_match_and_plays_on_without_redis_and_one_of_many_does_not() -> None:
    alone, none = read_settings({}), read_settings({}, redis_url="none")
    assert (alone.matches, alone.on_redis_loss) == (none.matches, none.on_redis_loss) == (1, "continue")
    many, shared = read_settings({}, nodes=3), read_settings({}, redis_url="redis://a", secret=SECRET)
    assert (many.matches, many.on_redis_loss) == (shared.matches, shared.on_redis_loss) == (0, "freeze")
    assert read_settings({}, nodes=3, matches=2, on_redis_loss="continue").matches == 2


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"redis_url": "redis://a"}, "TICKWIRE_REDIS_URL needs the secret that all nodes share"),
        ({"redis_url": "http://a", "secret": SECRET}, "http"),
        ({"nodes": 2, "redis_url": "none"}, "TICKWIRE_REDIS_URL=none is none"),
        ({"node_id": "My Node"}, "TICKWIRE_NODE_ID=My Node"),
        ({"node_id": "x" * 25}, "at most 24"),
        ({"public_url": "https://game.test"}, "TICKWIRE_PUBLIC_URL"),
        ({"public_url": "wss://game.test/path"}, "no path"),
        ({"matches": 200}, "TICKWIRE_MATCHES_MAX=100"),
        ({"nodes": 2, "host": "0.0.0.0", "auth": "dev-anywhere"}, "TICKWIRE_PUBLIC_URL, or TICKWIRE_GATEWAY=1"),
    ],
)
def test_a_cluster_that_could_not_work_is_told(given: dict[str, object], match: str) -> None:
    with pytest.raises(UsageFault, match=match):
        read_settings({}, **given)


def test_every_interface_will_do_where_clients_know_the_way() -> None:
    everywhere: dict[str, object] = {"host": "0.0.0.0", "auth": "dev-anywhere"}
    for more in ({}, {"nodes": 2, "gateway": True}, {"nodes": 2, "public_url": "ws://game.test:7777"}):
        read_settings({}, **everywhere, **more)


def test_the_password_of_redis_is_in_no_complaint_and_no_trace() -> None:
    settings = read_settings({}, redis_url="redis://:hush@a", secret=SECRET)
    assert "hush" not in repr(settings)
    with pytest.raises(UsageFault) as caught:
        read_settings({}, redis_url=b"\xffhush")
    assert "hush" not in str(caught.value)
