"""WhatsApp's binary XML, both ways."""

import zlib

import pytest

from sandbox.wire import binary, tokens
from sandbox.wire.binary import MalformedNodeError
from sandbox.wire.jid import SERVER, Jid, parse
from sandbox.wire.node import Node


def same(left: Node, right: Node) -> bool:
    return (
        left.tag == right.tag
        and left.attrs == right.attrs
        and (
            left.content == right.content
            if not isinstance(left.content, list)
            else len(left.content) == len(right.children)
            and all(map(same, left.content, right.children))
        )
    )


@pytest.mark.parametrize(
    "node",
    [
        Node("iq", {"id": "ABC123", "type": "result", "to": SERVER}),
        Node("message", {"from": Jid("1234567", "lid", 3), "to": Jid("521555", "s.whatsapp.net")}),
        Node("ack", {"id": "12.34-5", "odd": "123", "hex": "0AF", "word": "never a token"}),
        Node("ref", content=b"bytes"),
        Node("long", content=bytes(70_000)),
        Node("longer", content=bytes(1 << 20)),
        Node("list", content=[Node("item", {"id": index}) for index in range(300)]),
        Node("read-self", {"long": "9" * 200}),
        Node("empty", content=b""),
    ],
    ids=lambda node: node.tag,
)
def test_a_node_comes_back_as_it_was(node: Node) -> None:
    assert same(binary.decode(binary.encode(node)), node)


def test_a_compressed_frame_is_unpacked() -> None:
    plain = binary.encode(Node("iq", {"id": "1"}))
    assert binary.decode(b"\x02" + zlib.compress(plain[1:])).text("id") == "1"


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node("message"), "00f80113"),
        (Node("iq", {"to": SERVER}), "00f8031911fa0003"),
        (Node("iq", {"to": Jid("1234567", "lid", 2)}), "00f8031911f70102ff841234567f"),
        (Node("iq", {"id": "ABC"}), "00f8031908fb82abc0"),
    ],
    ids=["word", "server", "device", "hex"],
)
def test_the_bytes_are_those_of_the_wire(node: Node, expected: str) -> None:
    assert binary.encode(node).hex() == expected


@pytest.mark.parametrize(
    "frame",
    [b"", b"\x00", b"\x00\xf8", b"\x00\xf8\x02\x13\xfc\x09abc", b"\x00\x13", b"\x02not zlib"],
    ids=["nothing", "flag-only", "cut-list", "cut-bytes", "no-list", "no-zlib"],
)
def test_broken_frames_are_refused(frame: bytes) -> None:
    with pytest.raises(MalformedNodeError):
        binary.decode(frame)


def test_every_cut_of_a_frame_is_refused() -> None:
    frame = binary.encode(
        Node("message", {"to": Jid("123", "lid", 1), "id": "ABCDEF"}, [Node("enc", {}, b"x" * 9)])
    )
    for end in range(len(frame)):
        with pytest.raises(MalformedNodeError):
            binary.decode(frame[:end])


def test_there_are_as_many_words_as_the_wire_has_room_for() -> None:
    assert len(tokens.SINGLE) == 236
    assert [len(words) for words in tokens.DOUBLE] == [256] * 4
    assert tokens.SINGLE[3] == "s.whatsapp.net"
    assert tokens.DOUBLE[0][0] == "read-self"


@pytest.mark.parametrize(
    ("text", "jid"),
    [
        ("521@s.whatsapp.net", Jid("521", "s.whatsapp.net")),
        ("521:7@lid", Jid("521", "lid", 7)),
        ("521.0:7@s.whatsapp.net", Jid("521", "s.whatsapp.net", 7)),
    ],
)
def test_addresses_are_read(text: str, jid: Jid) -> None:
    assert parse(text) == jid


@pytest.mark.parametrize("text", ["", "521", "521@", "521:x@lid"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"JID|int"):
        parse(text)


def test_a_node_is_shown_without_its_secrets() -> None:
    node = Node("a", {"to": SERVER}, [Node("b", content=b"\x00" * 40), Node("c", content=b"ok")])
    assert str(node) == '<a to="s.whatsapp.net"><b>[40 bytes]</b><c>ok</c></a>'
