"""Sender keys between two devices of our own; the real library's are in the e2e tests."""

import random

import pytest

from sandbox.signal.messages import SignalError
from sandbox.signal.sender_keys import SenderKey, load, read_distribution


def introduce() -> tuple[SenderKey, SenderKey]:
    writer = SenderKey.new()
    return writer, read_distribution(writer.distribution())


def test_a_message_is_read_by_who_has_the_key() -> None:
    writer, reader = introduce()
    for text in (b"one", b"two", b"three"):
        assert reader.decrypt(writer.encrypt(text)) == text
    _, stranger = introduce()
    with pytest.raises(SignalError, match="signature"):
        stranger.decrypt(writer.encrypt(b"four"))


def test_keys_go_on_after_being_stored() -> None:
    writer, reader = introduce()
    for number in range(4):
        text = b"%d" % number
        assert reader.decrypt(writer.encrypt(text)) == text
        writer, reader = load(writer.dump()), load(reader.dump())
    with pytest.raises(SignalError, match="only read"):
        reader.encrypt(b"x")


def test_a_late_reader_reads_from_then_on() -> None:
    writer, _ = introduce()
    early = writer.encrypt(b"early")
    late = read_distribution(writer.distribution())
    assert late.decrypt(writer.encrypt(b"now")) == b"now"
    with pytest.raises(SignalError, match="before"):
        late.decrypt(early)


def test_messages_may_come_in_any_order_and_once() -> None:
    writer, reader = introduce()
    sent = [writer.encrypt(b"%d" % number) for number in range(20)]
    order = list(range(20))
    random.Random(1).shuffle(order)
    for number in order:
        reader = load(reader.dump())
        assert reader.decrypt(sent[number]) == b"%d" % number
    for raw in sent:
        with pytest.raises(SignalError, match="before"):
            reader.decrypt(raw)


def test_a_forged_message_changes_nothing() -> None:
    writer, reader = introduce()
    raw = writer.encrypt(b"true")
    before = reader.dump()
    for at in (1, len(raw) // 2, len(raw) - 1):
        with pytest.raises(SignalError):
            reader.decrypt(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :])
        assert reader.dump() == before
    assert reader.decrypt(raw) == b"true"


@pytest.mark.parametrize("raw", [b"", b"\x33", b"\x22abc", bytes(80)])
def test_what_is_no_key_or_message_is_refused(raw: bytes) -> None:
    _, reader = introduce()
    with pytest.raises(SignalError):
        reader.decrypt(raw)
    with pytest.raises(SignalError):
        read_distribution(raw)
