"""The forms of messages and receipts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import stanzas
from sandbox.stanzas import Letter
from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

GROUP = Group("120363", "Orders", 1.0, [])


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[tuple[Phone, Phone]]:
    store = Store(tmp_path / "sandbox.db")
    yield store.phones.get("5215550001"), store.phones.get("5215550002")
    store.close()


def shape(node: Node) -> dict[str, str]:
    names = ("from", "participant", "participant_pn", "recipient", "peer_recipient_pn", "sender_pn")
    return {key: node.text(key) for key in names if key in node.attrs}


def test_to_another_user(phones: tuple[Phone, Phone]) -> None:
    writer, reader = phones
    node = stanzas.message(Letter(writer, 2, reader), reader, {"id": "A"}, [])
    assert shape(node) == {"from": f"{writer.lid}:2@lid", "sender_pn": str(writer.jid)}
    assert (node.text("type"), node.text("addressing_mode")) == ("text", "lid")


def test_to_the_writers_own_devices(phones: tuple[Phone, Phone]) -> None:
    writer, other = phones
    node = stanzas.message(Letter(writer, 2, other), writer, {"id": "A"}, [])
    assert shape(node) == {
        "from": f"{writer.lid}:2@lid",
        "recipient": str(other.lid_jid),
        "peer_recipient_pn": str(other.jid),
    }
    note = stanzas.message(Letter(writer, 2, writer), writer, {"id": "A"}, [])
    assert "recipient" not in note.attrs


def test_to_a_group(phones: tuple[Phone, Phone]) -> None:
    writer, reader = phones
    for to in (writer, reader):
        node = stanzas.message(Letter(writer, 0, GROUP), to, {"id": "A"}, [])
        assert shape(node) == {
            "from": "120363@g.us",
            "participant": str(writer.lid_jid),
            "participant_pn": str(writer.jid),
        }


def test_what_goes_on_with_a_message(phones: tuple[Phone, Phone]) -> None:
    writer, reader = phones
    sent = Node(
        "message",
        {"id": "A", "type": "poll", "edit": "1", "to": reader.jid, "phash": "2:x"},
        [
            Node("participants"),
            Node("device-identity", content=b"who"),
            Node("meta", {"polltype": "creation"}),
            Node("reporting"),
        ],
    )
    first, later = (Node("enc", {"type": kind}, b"x") for kind in ("pkmsg", "msg"))
    node = stanzas.forwarded(Letter(writer, 1, reader), reader, sent, [first])
    assert [child.tag for child in node.children] == ["enc", "meta", "device-identity"]
    assert (node.text("type"), node.text("edit"), node.text("phash")) == ("poll", "1", "")
    node = stanzas.forwarded(Letter(writer, 1, reader), reader, sent, [later])
    assert [child.tag for child in node.children] == ["enc", "meta"]


def test_receipts_name_the_reader() -> None:
    reader, group = Jid("1", "lid"), Jid("9", "g.us")
    direct = stanzas.receipt(reader, reader, "A", "read")
    assert shape(direct) == {"from": "1@lid"}
    in_group = stanzas.receipt(reader, group, "A", "")
    assert shape(in_group) == {"from": "9@g.us", "participant": "1@lid"}
    assert [stanzas.author(node) for node in (direct, in_group)] == [reader, reader]


def test_who_reads_which_body() -> None:
    one, two = Jid("1", "lid"), Jid("2", "lid", 3)
    listed = [
        Node("to", {"jid": jid}, [Node("enc", {"type": "msg"}, str(jid).encode())])
        for jid in (one, two)
    ]
    shared = Node("enc", {"type": "skmsg"}, b"all")
    sent = Node("message", {"to": Jid("9", "g.us")}, [Node("participants", None, listed), shared])
    assert [(jid, body.data) for jid, body in stanzas.bodies(sent)] == [
        (one, b"1@lid"),
        (two, b"2:3@lid"),
    ]
    assert stanzas.count_of(sent) == 0
    alone = Node("message", {"to": Jid("9", "g.us")}, [shared])
    assert stanzas.bodies(alone) == []
    again = Node("enc", {"type": "pkmsg", "count": "2"}, b"x")
    for attrs in ({"to": two}, {"to": Jid("9", "g.us"), "participant": two}):
        resent = Node("message", attrs, [again])
        assert [jid for jid, _ in stanzas.bodies(resent)] == [two]
        assert stanzas.count_of(resent) == 2


def test_ids_of_a_receipt() -> None:
    items = [Node("item", {"id": name}) for name in ("B", "C")]
    assert stanzas.ids_of(Node("receipt", {"id": "A"})) == ["A"]
    many = Node("receipt", {"id": "A"}, [Node("list", None, items)])
    assert stanzas.ids_of(many) == ["A", "B", "C"]
