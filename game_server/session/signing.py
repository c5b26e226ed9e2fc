"""Texts that this server signed and believes when they come back: `<prefix><kid>.<fields>.<signature>`.

    tickwire-resume-1.2026a.lqExzQABo0FkYQ.3vT5...43 characters
    |-- prefix ------|kid--|-- fields ----|-- signature
                            msgpack array  HMAC-SHA256 over `<prefix><kid>.<fields>`

Both parts are base64url without padding, in the one spelling that encoding gives. There is one algorithm and no header
that could name another. The prefix is signed with the rest, so a text of one kind is never taken for another kind. All
keys verify and one signs, so a key is replaced by adding the new one, letting it sign, and removing the old one when
nothing that it signed lives any more.
*Source*: RFC 2104 (HMAC), RFC 4648 section 5 (base64url), RFC 8725 section 3.1 (the verifier chooses the algorithm).
To test: `tests/game_server/session/test_signing.py`.
"""

import base64
import binascii
import hashlib
import hmac
import re
from typing import Any, Self

from protocol.codec import pack, unpack
from protocol.errors import TickwireError, UsageFault

SIGNED_LENGTH_MAX = 512
"""No signed text is longer; it is what WELCOME and MOVED can carry."""
KEY_BYTES_LEAST = 32
FIELDS_MAX = 16
_KID = re.compile(r"[A-Za-z0-9_-]{1,16}")


class Forged(TickwireError):
    """A text that none of these keys signed, or not as what it is shown for."""

    def __str__(self) -> str:
        return "this was not signed here"


class UnknownKey(Forged):
    """A text that names a key which is not among these: forged, or signed by a key that has since been removed."""

    def __str__(self) -> str:
        return "the key that this names is not, or not any more, among those of this server"


class Signer:
    """Signs with one key, verifies with all. It never shows a key."""

    def __init__(self, keys: dict[str, bytes], signing: str) -> None:
        for kid, key in keys.items():
            if not _KID.fullmatch(kid):
                raise UsageFault(f"a key's id is 1 to 16 of A-Z, a-z, 0-9, _ and -; {kid[:32]!r} is not")
            if len(key) < KEY_BYTES_LEAST:
                raise UsageFault(f"key {kid} has {len(key)} bytes; {KEY_BYTES_LEAST} random ones are the least")
        if signing not in keys:
            raise UsageFault(f"key {signing[:32]!r} is to sign, but it is not among {', '.join(keys) or 'the keys'}")
        self.signing = signing
        # Keyed once: a copy costs a third of what keying costs.
        self._keyed = {kid: hmac.new(key, digestmod=hashlib.sha256) for kid, key in keys.items()}

    @classmethod
    def drawn(cls, secret: bytes) -> Self:
        """Return a signer with the one key `secret`, whose id is made from it: another secret has another id."""
        kid = "drawn-" + _encode(hashlib.sha256(b"tickwire kid" + secret).digest())[:8]
        return cls({kid: secret}, kid)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the signer of `kid:hex` entries, one a line or with commas between; the first signs, all verify."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (each.strip() for each in re.split(r"[,\n]", text))):
            kid, colon, digits = entry.partition(":")
            # The entry is not shown: whatever it is, it may be a secret.
            if not colon or kid in keys:
                raise UsageFault(f"secret {len(keys) + 1} must be `kid:hex`, with a kid of its own")
            try:
                keys[kid] = bytes.fromhex(digits)
            except ValueError:
                raise UsageFault(f"secret {len(keys) + 1}: what follows its kid is not hexadecimal") from None
        if not keys:
            raise UsageFault("no secret is given: write `kid:hex`, the digits from `openssl rand -hex 32`")
        return cls(keys, next(iter(keys)))

    def __repr__(self) -> str:
        return f"Signer({', '.join(self._keyed)})"

    def sign(self, prefix: str, fields: list[int | str | bytes]) -> str:
        """Return `fields` as a text that `verify` with the same `prefix` believes. Raises `UsageFault` if too long."""
        body = f"{prefix}{self.signing}.{_encode(pack(fields))}"
        signed = f"{body}.{self._signature(self.signing, body)}"
        if len(signed) > SIGNED_LENGTH_MAX:
            raise UsageFault(
                f"a signed text of {len(signed)} characters, {SIGNED_LENGTH_MAX} can travel: shorten its names"
            )
        return signed

    def derived(self, purpose: str) -> dict[str, bytes]:
        """Return a key for another `purpose` made from each of ours, the signing one first; none tells ours."""
        ordered = sorted(self._keyed, key=lambda kid: kid != self.signing)
        return {kid: self._derived(kid, purpose) for kid in ordered}

    def _derived(self, kid: str, purpose: str) -> bytes:
        keyed = self._keyed[kid].copy()
        # No signed text begins so: each begins with the prefix of its kind.
        keyed.update(b"derive:" + purpose.encode())
        return keyed.digest()

    def verify(self, prefix: str, text: str) -> list[Any]:
        """Return the fields that were signed. Raises `Forged`, and `UnknownKey` when its key is not among ours."""
        # Length and alphabet first: nothing below looks at a text that could not be one of ours.
        if len(text) > SIGNED_LENGTH_MAX or not text.startswith(prefix) or not text.isascii():
            raise Forged
        parts = text[len(prefix) :].split(".")
        if len(parts) != 3:
            raise Forged
        kid, fields, signature = parts
        if kid not in self._keyed:
            raise UnknownKey if _KID.fullmatch(kid) else Forged
        # The texts are compared, not the bytes: of several spellings of one signature only ours is good.
        expected = self._signature(kid, f"{prefix}{kid}.{fields}")
        if not hmac.compare_digest(expected, signature):
            raise Forged
        try:
            return unpack(_decode(fields), FIELDS_MAX)
        except ValueError:
            raise Forged from None

    def _signature(self, kid: str, body: str) -> str:
        keyed = self._keyed[kid].copy()
        keyed.update(body.encode())
        return _encode(keyed.digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    """Return the bytes that `text` spells in the one way that `_encode` does. Raises `ValueError`."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if _encode(data) != text:
        raise ValueError("not the canonical spelling")
    return data
