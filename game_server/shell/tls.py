"""TLS on the game's port: what a node's certificate files make.

To test: `tests/game_server/shell/test_tls.py`.
"""

import ssl
from pathlib import Path

from game_server.shell.settings import Settings
from protocol.errors import UsageFault


def make_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return what `tls_cert_file` and `tls_key_file` make; None for a port without TLS. Raises `UsageFault`."""
    if not settings.tls_cert_file:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A handshake is what costs here, and with it switched off a write never has to wait for the peer's bytes.
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        # Without a password to ask for: a node that starts by itself must not wait at a prompt.
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file or None, password=_no_password)
    except ssl.SSLError as error:
        if not settings.tls_key_file and b"PRIVATE KEY" not in Path(settings.tls_cert_file).read_bytes():
            sentence = f"TICKWIRE_TLS_CERT_FILE={settings.tls_cert_file} holds no key: set TICKWIRE_TLS_KEY_FILE"
            raise UsageFault(sentence) from None
        why = error.reason or "no PEM"
        sentence = f"TICKWIRE_TLS_CERT_FILE={settings.tls_cert_file} and its key do not fit together: {why}"
        raise UsageFault(sentence) from None
    except OSError as error:
        files = {"TICKWIRE_TLS_CERT_FILE": settings.tls_cert_file, "TICKWIRE_TLS_KEY_FILE": settings.tls_key_file}
        named = " or ".join(f"{name}={path}" for name, path in files.items() if path)
        raise UsageFault(f"{named} cannot be read: {error.strerror or error}") from None
    return context


def _no_password() -> str:
    raise UsageFault("TICKWIRE_TLS_KEY_FILE is encrypted: a node needs a key without a password, readable by it alone")
