"""Signed texts: what was signed here comes back, and nothing else does."""

import base64
import hashlib
import hmac
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from game_server.session.signing import SIGNED_LENGTH_MAX, Forged, Signer, UnknownKey
from protocol.codec import pack
from protocol.errors import UsageFault

OLD, NEW = b"o" * 32, b"n" * 32
PREFIX = "tickwire-test-1."
FIELDS = ["arena", 7, b"\x00\xff", "Zoë"]
SIGNER = Signer({"a": OLD}, "a")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def by_hand(key: bytes, body: str) -> str:
    """A text as any other program would sign it."""
    mac = hmac.new(key, body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def spelled(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


@given(st.lists(st.integers(0, 2**32) | st.text(max_size=9) | st.binary(max_size=9), max_size=8))
def test_what_was_signed_comes_back(fields: list[int | str | bytes]) -> None:
    assert SIGNER.verify(PREFIX, SIGNER.sign(PREFIX, fields)) == fields


def test_the_form_is_the_documented_one() -> None:
    assert SIGNER.sign(PREFIX, FIELDS) == by_hand(OLD, f"{PREFIX}a.{spelled(pack(FIELDS))}")


def test_a_text_of_one_kind_is_none_of_another_kind() -> None:
    text = SIGNER.sign(PREFIX, FIELDS)
    other = "tickwire-test-2."
    for shown in (text, other + text.removeprefix(PREFIX)):
        with pytest.raises(Forged):
            SIGNER.verify(other, shown)


def test_two_thousand_mutations_are_forged(seed: int) -> None:
    random, text = Random(seed), SIGNER.sign(PREFIX, FIELDS)
    for _ in range(2000):
        mutated = list(text)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(mutated))
            match random.randrange(3):
                case 0:
                    mutated[at] = random.choice(ALPHABET + ".=+/ \n")
                case 1:
                    mutated.insert(at, random.choice(ALPHABET + ".="))
                case _:
                    del mutated[at]
        shown = "".join(mutated)
        if shown != text:
            with pytest.raises(Forged):
                SIGNER.verify(PREFIX, shown)


def test_a_signature_has_one_spelling_only() -> None:
    text = SIGNER.sign(PREFIX, FIELDS)
    # 43 characters spell 256 bits and two more, which every decoder drops: three other last characters mean the same.
    last = ALPHABET.index(text[-1])
    same = {ALPHABET[last ^ bits] for bits in (1, 2, 3)}
    for shown in [*(text[:-1] + each for each in same), text + "=", text + "\n", " " + text]:
        with pytest.raises(Forged):
            SIGNER.verify(PREFIX, shown)


@pytest.mark.parametrize(
    "fields",
    [
        spelled(pack(FIELDS)) + "=",
        "kQF",  # decodes to what kQE, the one good spelling, decodes to
        "a b",
        "kQE*",
        "kQE\u00e9",
        "A",
        spelled(b"\xc1"),
        spelled(pack(7)),
        spelled(pack([1.5])),
        spelled(pack([[1]])),
        spelled(pack([{}])),
        spelled(pack([1]) + b"\x00"),
        spelled(pack([0] * 17)),
        spelled(b"\x91\xc7\x00\x05"),
        spelled(b"\x91\xa1\xff"),
    ],
)
def test_well_signed_nonsense_is_forged_and_nothing_worse(fields: str) -> None:
    body = f"{PREFIX}a.{fields}"
    with pytest.raises(Forged):
        SIGNER.verify(PREFIX, by_hand(OLD, body))


@pytest.mark.parametrize(
    "rest", ["", ".", "a", "a.b", "a.b.c.d", "..", "a..", ".b.c", "é.b.c", "a/b.b.c", "a.kQE.é", "x" * 17 + ".b.c"]
)
def test_a_text_of_another_form_is_forged(rest: str) -> None:
    with pytest.raises(Forged) as caught:
        SIGNER.verify(PREFIX, PREFIX + rest)
    assert type(caught.value) is Forged


def test_a_long_text_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Signer, "_signature", lambda *_: pytest.fail("it was computed"))
    body = f"{PREFIX}a." + "A" * SIGNED_LENGTH_MAX
    with pytest.raises(Forged):
        SIGNER.verify(PREFIX, by_hand(OLD, body))


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b))
    text = SIGNER.sign(PREFIX, FIELDS)
    SIGNER.verify(PREFIX, text)
    assert compared == [(text[-43:], text[-43:])]


def test_what_could_not_travel_is_not_signed() -> None:
    with pytest.raises(UsageFault, match="512"):
        SIGNER.sign(PREFIX, ["x" * 400])


def test_a_key_is_replaced_without_a_break() -> None:
    before = SIGNER.sign(PREFIX, FIELDS)
    both = Signer({"b": NEW, "a": OLD}, "b")
    after = both.sign(PREFIX, FIELDS)
    assert both.verify(PREFIX, before) == both.verify(PREFIX, after) == FIELDS
    assert after.startswith(f"{PREFIX}b.")
    only_new = Signer({"b": NEW}, "b")
    assert only_new.verify(PREFIX, after) == FIELDS
    with pytest.raises(UnknownKey):
        only_new.verify(PREFIX, before)


def test_a_kid_chooses_a_key_and_proves_nothing() -> None:
    both = Signer({"a": OLD, "b": NEW}, "a")
    with pytest.raises(Forged) as caught:
        both.verify(PREFIX, both.sign(PREFIX, FIELDS).replace(f"{PREFIX}a.", f"{PREFIX}b."))
    assert not isinstance(caught.value, UnknownKey)


def test_a_drawn_key_names_itself() -> None:
    one, same, other = (Signer.drawn(secret) for secret in (OLD, OLD, NEW))
    text = one.sign(PREFIX, FIELDS)
    assert same.verify(PREFIX, text) == FIELDS
    with pytest.raises(UnknownKey):
        other.verify(PREFIX, text)


@pytest.mark.parametrize("text", [f"a:{OLD.hex()},b:{NEW.hex()}", f"\n a:{OLD.hex()} \n\n b:{NEW.hex()}\n"])
def test_secrets_are_read_from_lines_or_a_list_and_the_first_signs(text: str) -> None:
    signer = Signer.read(text)
    assert signer.signing == "a"
    assert signer.verify(PREFIX, Signer({"b": NEW}, "b").sign(PREFIX, FIELDS)) == FIELDS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no secret"),
        (OLD.hex(), "kid:hex"),
        (f"a:{OLD.hex()},a:{NEW.hex()}", "of its own"),
        ("a:zz", "hexadecimal"),
        ("a:" + "00" * 31, "31 bytes"),
        (f"a b:{OLD.hex()}", "id is"),
        (f"{'k' * 17}:{OLD.hex()}", "id is"),
    ],
)
def test_secrets_that_cannot_be_used_say_why_and_show_nothing(text: str, words: str) -> None:
    with pytest.raises(UsageFault, match=words) as caught:
        Signer.read(text)
    assert OLD.hex()[:8] not in str(caught.value)


def test_a_signer_shows_no_key_and_needs_the_one_that_signs() -> None:
    assert OLD.decode() not in repr(SIGNER) and OLD.hex() not in repr(SIGNER)
    with pytest.raises(UsageFault, match="to sign"):
        Signer({"a": OLD}, "b")


def test_keys_for_another_purpose_are_others_and_the_same_each_time() -> None:
    signer = Signer({"old": b"o" * 32, "new": b"n" * 32}, "new")
    derived = signer.derived("directory")
    assert list(derived) == ["new", "old"] and len(set(derived.values())) == 2
    assert derived == Signer({"old": b"o" * 32, "new": b"n" * 32}, "new").derived("directory")
    assert set(signer.derived("tickets").values()).isdisjoint(derived.values())
