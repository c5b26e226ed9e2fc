"""Settings: from arguments, the environment and defaults, and every mistake is told."""

import pytest

from game_server.shell.settings import Settings, read_settings
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


def test_every_setting_has_a_description() -> None:
    assert all(field.description for field in Settings.model_fields.values())
