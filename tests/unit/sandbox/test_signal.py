"""Signal sessions between two devices of our own; the real library's are in the e2e tests."""

import random

import pytest

from sandbox.signal import messages
from sandbox.signal.agreement import Bundle, read_first, write_first
from sandbox.signal.keys import DJB_TYPE, KeyPair, verify
from sandbox.signal.messages import SignalError
from sandbox.signal.session import Session, load


class Party:
    """A device with its keys."""

    def __init__(self) -> None:
        self.identity = KeyPair()
        self.signed = KeyPair()
        self.one_time = KeyPair()

    def bundle(self, *, with_pre_key: bool = True) -> Bundle:
        return Bundle(
            registration_id=7,
            identity=self.identity.public,
            signed_pre_key_id=1,
            signed_pre_key=self.signed.public,
            signature=self.identity.sign(DJB_TYPE + self.signed.public),
            pre_key_id=5 if with_pre_key else None,
            pre_key=self.one_time.public if with_pre_key else b"",
        )


def introduce(*, with_pre_key: bool = True) -> tuple[Session, Session]:
    """Two sessions, after the first message has been read."""
    alice, bob = Party(), Party()
    writing = write_first(alice.identity, 9, bob.bundle(with_pre_key=with_pre_key))
    kind, raw = writing.encrypt(b"first")
    assert kind == "pkmsg"
    first = messages.read_pre_key_message(raw)
    assert (first.registration_id, first.signed_pre_key_id) == (9, 1)
    assert first.pre_key_id == (5 if with_pre_key else None)
    reading = read_first(bob.identity, 7, bob.signed, bob.one_time if with_pre_key else None, first)
    assert reading.decrypt(first.message) == b"first"
    return writing, reading


@pytest.mark.parametrize("with_pre_key", [True, False])
def test_a_first_message_makes_a_session(with_pre_key: bool) -> None:
    alice, bob = introduce(with_pre_key=with_pre_key)
    kind, raw = bob.encrypt(b"answer")
    assert kind == "msg"
    assert alice.decrypt(raw) == b"answer"
    kind, raw = alice.encrypt(b"second")
    assert kind == "msg"
    assert bob.decrypt(raw) == b"second"


def test_a_session_goes_on_after_being_stored() -> None:
    alice, bob = introduce()
    for number in range(6):
        writer, reader = (alice, bob) if number % 2 else (bob, alice)
        text = b"text %d" % number
        _, raw = writer.encrypt(text)
        assert reader.decrypt(raw) == text
        alice, bob = load(alice.dump()), load(bob.dump())


def test_messages_may_come_in_any_order_and_once() -> None:
    alice, bob = introduce()
    _, raw = bob.encrypt(b"go")
    alice.decrypt(raw)
    sent = [alice.encrypt(b"%d" % number)[1] for number in range(40)]
    order = list(range(40))
    random.Random(1).shuffle(order)
    for number in order:
        bob = load(bob.dump())
        assert bob.decrypt(sent[number]) == b"%d" % number
    for raw in sent:
        with pytest.raises(SignalError, match="before"):
            bob.decrypt(raw)


def test_a_late_message_of_an_older_chain_is_read() -> None:
    alice, bob = introduce()
    _, raw = bob.encrypt(b"go")
    alice.decrypt(raw)
    _, late = alice.encrypt(b"late")
    _, raw = alice.encrypt(b"on time")
    assert bob.decrypt(raw) == b"on time"
    _, raw = bob.encrypt(b"turn")
    assert alice.decrypt(raw) == b"turn"
    _, raw = alice.encrypt(b"new chain")
    assert bob.decrypt(raw) == b"new chain"
    assert bob.decrypt(late) == b"late"


def test_a_forged_message_changes_nothing() -> None:
    alice, bob = introduce()
    _, answer = bob.encrypt(b"answer")
    alice.decrypt(answer)
    _, raw = alice.encrypt(b"true")
    before = bob.dump()
    for at in (1, len(raw) // 2, len(raw) - 1):
        forged = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        with pytest.raises(SignalError):
            bob.decrypt(forged)
        assert bob.dump() == before
    assert bob.decrypt(raw) == b"true"


def test_a_message_far_ahead_is_refused() -> None:
    alice, bob = introduce()
    _, answer = bob.encrypt(b"answer")
    alice.decrypt(answer)
    for _ in range(2002):
        _, raw = alice.encrypt(b"x")
    with pytest.raises(SignalError, match="ahead"):
        bob.decrypt(raw)


def test_a_bundle_with_a_wrong_signature_is_refused() -> None:
    alice, bob = Party(), Party()
    bundle = bob.bundle()
    bad = Bundle(
        **{name: getattr(bundle, name) for name in Bundle.__slots__} | {"signature": bytes(64)}
    )
    with pytest.raises(SignalError, match="signature"):
        write_first(alice.identity, 1, bad)


def test_signatures_hold_for_key_and_message_alone() -> None:
    for _ in range(16):
        pair, other = KeyPair(), KeyPair()
        signature = pair.sign(b"message")
        assert verify(pair.public, b"message", signature)
        assert not verify(pair.public, b"massage", signature)
        assert not verify(other.public, b"message", signature)
        assert not verify(pair.public, b"message", bytes(64))
        assert not verify(pair.public, b"message", signature[:-1])


def test_a_key_pair_is_its_seed() -> None:
    pair, other = KeyPair(), KeyPair()
    again = KeyPair(pair.seed)
    assert again.public == pair.public
    assert again.agree(other.public) == other.agree(pair.public)


@pytest.mark.parametrize("raw", [b"", b"\x33", b"\x22abc", b"\x33\x0a\xff", b"\x33\x0f\x01"])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    for read in (messages.read_message, messages.read_pre_key_message):
        with pytest.raises(SignalError):
            read(raw)
