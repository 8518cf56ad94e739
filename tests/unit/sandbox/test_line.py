"""A line's handshake and frames, from a client's side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from sandbox import protobufs
from sandbox.authority import NoiseAuthority
from sandbox.line import Line
from sandbox.signal.keys import KeyPair, verify
from sandbox.state.database import Database
from sandbox.wire import binary
from sandbox.wire.node import Node
from sandbox.wire.noise import Cipher, Handshake, NoiseError

HEADER = b"WA\x06\x03"


class Wire:
    """A transport that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.ended = ""

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self) -> None:
        self.ended = "closed"

    def reset(self) -> None:
        self.ended = "reset"

    def freeze(self) -> None:
        self.ended = "frozen"


class Visit:
    """A client that has dialled a line."""

    def __init__(self, authority: NoiseAuthority) -> None:
        self.wire = Wire()
        self.payloads: list[Any] = []
        self.nodes: list[Node] = []
        self.line = Line(
            self.wire,
            authority,
            lambda _line, payload: self.payloads.append(payload),
            lambda _line, node: self.nodes.append(node),
            lambda act: act(),
        )
        self.static, self.ephemeral = KeyPair(), KeyPair()
        self.shake = Handshake(HEADER)

    def hello(self) -> Any:
        """Say hello; the server's answer."""
        self.shake.mix_hash(self.ephemeral.public)
        message = protobufs.wa6.HandshakeMessage()
        message.clientHello.ephemeral = self.ephemeral.public
        self.line.feed(HEADER + frame(message.SerializeToString()))
        (answer,) = self.wire.sent
        assert int.from_bytes(answer[:3], "big") == len(answer) - 3
        return protobufs.wa6.HandshakeMessage.FromString(answer[3:]).serverHello

    def enter(self, username: int = 0) -> tuple[Cipher, Cipher]:
        """Finish the handshake; the ciphers to the server and from it."""
        hello = self.hello()
        self.shake.mix_hash(hello.ephemeral)
        self.shake.mix_shared(self.ephemeral.private, hello.ephemeral)
        static = self.shake.decrypt(hello.static)
        self.shake.mix_shared(self.ephemeral.private, static)
        self.chain = protobufs.cert.CertChain.FromString(self.shake.decrypt(hello.payload))
        self.server_static = static
        message = protobufs.wa6.HandshakeMessage()
        message.clientFinish.static = self.shake.encrypt(self.static.public)
        self.shake.mix_shared(self.static.private, hello.ephemeral)
        payload = protobufs.wa6.ClientPayload(username=username).SerializeToString()
        message.clientFinish.payload = self.shake.encrypt(payload)
        self.line.feed(frame(message.SerializeToString()))
        return self.shake.finish()


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(3, "big") + data


@pytest.fixture
def authority(tmp_path: Path) -> Any:
    database = Database(tmp_path / "state.db")
    yield NoiseAuthority(database)
    database.close()


@pytest.fixture
def visit(authority: NoiseAuthority) -> Visit:
    return Visit(authority)


def test_the_server_proves_its_key_by_the_chain(visit: Visit, authority: NoiseAuthority) -> None:
    visit.enter()
    chain, details = visit.chain, protobufs.cert.CertChain.NoiseCertificate.Details
    intermediate = details.FromString(chain.intermediate.details)
    leaf = details.FromString(chain.leaf.details)
    assert verify(authority.root.public, chain.intermediate.details, chain.intermediate.signature)
    assert verify(intermediate.key, chain.leaf.details, chain.leaf.signature)
    assert (intermediate.issuerSerial, leaf.issuerSerial) == (0, intermediate.serial)
    assert leaf.key == visit.server_static


def test_a_line_opens_and_carries_nodes_both_ways(visit: Visit) -> None:
    to_server, from_server = visit.enter(username=521)
    assert [payload.username for payload in visit.payloads] == [521]
    assert visit.line.client_key == visit.static.public
    for number in range(3):
        visit.line.feed(frame(to_server.seal(binary.encode(Node("iq", {"id": number})))))
    assert [node.text("id") for node in visit.nodes] == ["0", "1", "2"]
    visit.line.send(Node("success"))
    assert binary.decode(from_server.open(visit.wire.sent[-1][3:])).tag == "success"


def test_frames_may_be_split_and_joined(visit: Visit) -> None:
    to_server, _ = visit.enter()
    stream = b"".join(
        frame(to_server.seal(binary.encode(Node("iq", {"id": number})))) for number in range(4)
    )
    for at in range(0, len(stream), 5):
        visit.line.feed(stream[at : at + 5])
    assert len(visit.nodes) == 4


def test_another_header_is_refused(visit: Visit) -> None:
    with pytest.raises(NoiseError, match="header"):
        visit.line.feed(b"WA\x06\x04" + frame(b"x"))


@pytest.mark.parametrize("spoil", [lambda data: data[:-1] + b"x", lambda data: b"\x00" + data])
def test_a_frame_that_was_changed_is_refused(visit: Visit, spoil: Callable[[bytes], bytes]) -> None:
    to_server, _ = visit.enter()
    with pytest.raises(NoiseError):
        visit.line.feed(frame(spoil(to_server.seal(b"\x00\xf8\x01\x13"))))
    assert not visit.nodes


def test_a_client_without_its_private_key_gets_nowhere(visit: Visit) -> None:
    hello = visit.hello()
    visit.shake.mix_hash(hello.ephemeral)
    visit.shake.mix_shared(KeyPair().private, hello.ephemeral)
    with pytest.raises((NoiseError, InvalidTag)):
        visit.shake.decrypt(hello.static)


def test_a_silent_line_takes_and_gives_nothing(visit: Visit) -> None:
    to_server, from_server = visit.enter()
    sent = len(visit.wire.sent)
    visit.line.silent = True
    visit.line.feed(frame(to_server.seal(binary.encode(Node("iq", {"id": "lost"})))))
    visit.line.send(Node("lost"))
    assert not visit.nodes
    assert len(visit.wire.sent) == sent
    visit.line.silent = False
    visit.line.feed(frame(to_server.seal(binary.encode(Node("iq", {"id": "heard"})))))
    visit.line.send(Node("heard"))
    assert [node.text("id") for node in visit.nodes] == ["heard"]
    assert binary.decode(from_server.open(visit.wire.sent[-1][3:])).tag == "heard"
