"""A node's settings: arguments first, then TICKWIRE_* in the environment, then the defaults here.

To test: `tests/game_server/shell/test_settings.py`; that `docs/operating.md` names each is a tidy test.
"""

import difflib
import os
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from protocol.errors import UsageFault

PREFIX = "TICKWIRE_"


class Settings(BaseSettings):
    """What an operator may choose. Each is TICKWIRE_<NAME> in the environment, and a keyword of `serve`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", min_length=1, description="The address to listen on; 0.0.0.0 is every interface.")
    port: int = Field(7777, ge=0, le=65_535, description="The TCP port; 0 takes any free one.")
    matches: int = Field(1, ge=1, le=1000, description="How many matches this node runs; their ids are 1 to N.")
    seed: int | None = Field(
        None, ge=0, lt=2**63, description="The seed of match 1, the next one's is one more; unset, one is drawn."
    )
    connections_max: int = Field(
        5000, ge=1, le=1_000_000, description="Sockets held at once; beyond it a request is answered 503."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is written to the log."
    )
    log_format: Literal["auto", "pretty", "json"] = Field(
        "auto", description="How the log is written; auto is pretty on a terminal and JSON lines otherwise."
    )
    handshake_seconds: float = Field(
        5.0, gt=0, le=60, description="How long a socket may take to its upgrade request, and from there to its HELLO."
    )
    ping_seconds: float = Field(
        5.0, gt=0, le=600, description="How often a client is pinged; three pings without an answer end its socket."
    )
    close_seconds: float = Field(
        2.0, gt=0, le=60, description="How long a client may take to answer a close frame before its socket is cut."
    )
    shutdown_seconds: float = Field(
        10.0, gt=0, le=600, description="How long a stopping node waits for its clients to go; then it cuts them off."
    )


def read_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Return the settings. Raises `UsageFault` naming what is wrong: an unknown TICKWIRE_ name is no silent default."""
    environment = os.environ if environment is None else environment
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in sorted(environment):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            raise UsageFault(f"the environment has {name}, which is no setting{_nearest(name.upper(), known)}")
    for name in sorted(given.keys() - Settings.model_fields.keys()):
        raise UsageFault(f"{name} is no setting{_nearest(name, set(Settings.model_fields))}")
    try:
        return Settings(**given)
    except ValidationError as error:
        raise UsageFault(_in_words(error, set(given))) from None


def _nearest(name: str, known: set[str]) -> str:
    # Without the prefix, which would make every name resemble every other.
    plain = {each.removeprefix(PREFIX): each for each in sorted(known)}
    close = difflib.get_close_matches(name.removeprefix(PREFIX), plain, 1, 0.5)
    return f"; did you mean {plain[close[0]]}?" if close else f"; there are {', '.join(sorted(known))}"


def _in_words(error: ValidationError, given: set[str]) -> str:
    lines = []
    for each in error.errors(include_url=False):
        name = str(each["loc"][0]) if each["loc"] else "settings"
        shown = name if name in given else f"{PREFIX}{name.upper()}"
        lines.append(f"{shown} = {each['input']!r}: {each['msg'][0].lower()}{each['msg'][1:]}")
    return "; ".join(lines)
