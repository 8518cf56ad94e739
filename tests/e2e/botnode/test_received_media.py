"""Media that phones send, as it comes out of DownloadMedia: over the real library and hosts."""

import hashlib
import itertools
import os
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from botmesh.errors import Reason
from botmesh.sandbox.v1 import (
    ExpireMediaRequest,
    MediaLetter,
    SandboxMediaServiceStub,
    SandboxServiceStub,
    SendMediaRequest,
)
from botmesh.v1 import MediaServiceStub, MediaState, event_pb2, media_pb2
from sandbox import protobufs
from sandbox.launch import RunningSandbox
from tests.e2e.botnode.node import PATIENCE_S, Control, Node, error_of, typed_errors
from tests.e2e.sandbox.test_media import disturbing, kind_of

pytestmark = pytest.mark.e2e

PIECE = 1 << 20
JPEG = b"\xff\xd8\xff\xe0"
_customers = itertools.count(1)


class Phones:
    """The sandbox's phones, and what they do with media."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.stub: Any = SandboxMediaServiceStub(channel)
        self.control = Control(SandboxServiceStub(channel))

    def send(self, data: bytes, **letter: Any) -> str:
        """A phone sends media; the message's id."""
        parts = [SendMediaRequest(letter=MediaLetter(**letter))]
        parts += [SendMediaRequest(data=data[at : at + PIECE]) for at in range(0, len(data), PIECE)]
        return str(self.stub.SendMedia(iter(parts), timeout=PATIENCE_S).message.message_id)

    def disturb(self, phone: str, how: str, times: int = 0, **more: Any) -> int:
        fault = disturbing(how, **more)
        return self.control.fault(disturb_media=fault, phone=phone, times=times)


class Downloads:
    """Calls MediaService of a node."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def get(self, media_id: str, timeout_s: float = PATIENCE_S) -> tuple[Any, bytes]:
        """The record and the bytes of media."""
        stub: Any = MediaServiceStub(self.node.channel)
        request = media_pb2.DownloadMediaRequest(tenant_id=self.node.tenant_id, media_id=media_id)
        with typed_errors():
            first, *rest = stub.DownloadMedia(
                request, metadata=self.node.metadata, timeout=timeout_s
            )
        return first.media, b"".join(item.data for item in rest)

    def changed(self, media_id: str) -> media_pb2.StoredMedia:
        """What an event tells of media."""
        for event in self.node.events():
            if event.media_changed.media_id == media_id:
                return event.media_changed
        raise AssertionError(f"{media_id} never changed")


@pytest.fixture(scope="module")
def phones(running_sandbox: RunningSandbox) -> Iterator[Phones]:
    with grpc.insecure_channel(running_sandbox.addresses.control_address) as channel:
        yield Phones(channel)


@pytest.fixture(autouse=True)
def calm(phones: Phones) -> Iterator[None]:
    """Every fault ends with its test."""
    yield
    phones.control.clear()


@pytest.fixture(scope="module")
def ana() -> str:
    """A customer who writes to all botnodes of these tests."""
    return "+5215598760001"


@pytest.fixture(scope="module")
def quiet_phone() -> str:
    return "+5215512000077"


@pytest.fixture(scope="module")
def quiet(
    tmp_path_factory: pytest.TempPathFactory,
    running_sandbox: RunningSandbox,
    phones: Phones,
    quiet_phone: str,
) -> Iterator[Node]:
    """A paired botnode that fetches nothing by itself."""
    node = Node(
        tmp_path_factory.mktemp("quiet") / "mesh",
        "quiet",
        running_sandbox.environment(),
        BOTMESH_MEDIA_FETCH_LIMIT_MB="0",
    ).start()
    phones.control.pair(node, quiet_phone)
    yield node
    node.close()


def id_in(content: Any) -> str:
    return str(getattr(content, content.WhichOneof("kind")).media.media_id)


KINDS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("image", {"caption": "así"}, {"image": {"caption": "así"}}),
    ("video", {"caption": "mira"}, {"video": {"caption": "mira"}}),
    ("video_note", {}, {"video": {"video_note": True}}),
    ("audio", {}, {"audio": {}}),
    ("voice", {}, {"audio": {"voice": True}}),
    ("document", {"file_name": "a.pdf"}, {"document": {"file_name": "a.pdf"}}),
    (
        "document",
        {"file_name": "../b.pdf", "caption": "léelo"},
        {"document": {"file_name": ".. b.pdf", "caption": "léelo"}},
    ),
    ("sticker", {}, {"sticker": {}}),
]


@pytest.mark.parametrize("group", [False, True])
def test_every_kind(shared: Node, phones: Phones, shared_phone: str, ana: str, group: bool) -> None:
    to = phones.control.group(shared_phone, ana) if group else shared_phone
    for count, (kind, letter, expected) in enumerate(KINDS):
        data = os.urandom(100_000 + count)
        sent = phones.send(data, phone=ana, to=to, kind=kind_of(kind), **letter)
        came = shared.wait_received(sent)
        told = json_format.MessageToDict(came.content, preserving_proto_field_name=True)
        part = told[next(iter(expected))]
        told_media = part.pop("media")
        assert (told, came.undecoded_kind, came.group) == (expected, "", group)
        media_id = told_media["media_id"]
        record, found = Downloads(shared).get(media_id)
        assert found == data
        assert (record.size_bytes, record.sha256) == (len(data), hashlib.sha256(data).digest())
        assert record.content_type == told_media["content_type"]
        assert record.received
        assert Downloads(shared).changed(media_id) == record


def test_what_is_around_a_picture(
    shared: Node, phones: Phones, shared_phone: str, ana: str
) -> None:
    sent = shared.send(ana, "¿cómo es?")
    message = protobufs.e2e.Message()
    image = message.ephemeralMessage.message.imageMessage
    image.mimetype, image.caption, image.width, image.height = "image/png", "así", 4, 3
    image.JPEGThumbnail = JPEG
    image.contextInfo.stanzaID, image.contextInfo.participant = (
        sent.whatsapp_id,
        shared.session().lid,
    )
    image.contextInfo.quotedMessage.conversation = "¿cómo es?"
    image.contextInfo.isForwarded, image.contextInfo.expiration = True, 86_400
    data = JPEG + os.urandom(1000)
    came = shared.wait_received(
        phones.send(data, phone=ana, to=shared_phone, content=message.SerializeToString())
    )
    assert (came.content.image.width, came.content.image.height) == (4, 3)
    assert came.content.image.thumbnail == JPEG
    assert came.content.quoted.original.message_id == sent.message_id
    assert came.content.quoted.content.text.body == "¿cómo es?"
    assert (came.content.forwarded, came.ephemeral) == (True, True)
    record, found = Downloads(shared).get(id_in(came.content))
    # The bytes tell what it is, not the sender.
    assert (record.content_type, found) == ("image/jpeg", data)


def test_what_is_shown_once(shared: Node, phones: Phones, shared_phone: str, ana: str) -> None:
    letter = {"kind": kind_of("image"), "view_once": True}
    came = shared.wait_received(phones.send(b"once", phone=ana, to=shared_phone, **letter))
    assert came.view_once
    assert Downloads(shared).get(id_in(came.content))[1] == b"once"


def test_what_the_own_phone_sends(
    shared: Node, phones: Phones, shared_phone: str, ana: str
) -> None:
    letter = {"kind": kind_of("document"), "file_name": "x.txt"}
    came = shared.wait_received(phones.send(b"mine", phone=shared_phone, to=ana, **letter))
    assert came.from_me
    assert Downloads(shared).get(id_in(came.content))[1] == b"mine"


def test_a_message_that_comes_twice(
    shared: Node, phones: Phones, shared_phone: str, ana: str
) -> None:
    letter = {"phone": ana, "to": shared_phone, "kind": kind_of("image")}
    sent = phones.send(b"one and the same", **letter)
    media_id = id_in(shared.wait_received(sent).content)
    phones.send(b"one and the same", **letter, message_id=sent)
    after = id_in(shared.wait_received(phones.send(b"another", **letter)).content)
    Downloads(shared).changed(after)
    came: list[event_pb2.Event] = []
    for event in shared.events():
        came.append(event)
        if event.media_changed.media_id == after:
            break
    assert [e.message_received.whatsapp_id for e in came].count(sent) == 1
    assert [e.media_changed.media_id for e in came].count(media_id) == 1


def test_a_cut_is_gone_on_with(shared: Node, phones: Phones, shared_phone: str, ana: str) -> None:
    data = os.urandom(500_000)
    fault = phones.disturb(ana, "CUT", times=2, bytes=200_000)
    letter = {"phone": ana, "to": shared_phone, "kind": kind_of("video")}
    came = shared.wait_received(phones.send(data, **letter))
    assert Downloads(shared).get(id_in(came.content))[1] == data
    phones.control.wait_fault(fault)


def test_a_host_that_fails_is_asked_again(
    shared: Node, phones: Phones, shared_phone: str, ana: str
) -> None:
    fault = phones.disturb(ana, "REFUSE", status=503)
    letter = {"phone": ana, "to": shared_phone, "kind": kind_of("image")}
    media_id = id_in(shared.wait_received(phones.send(b"later", **letter)).content)
    phones.control.wait_fault(fault)
    error = error_of(lambda: Downloads(shared).get(media_id, timeout_s=0.5))
    assert error.reason is Reason.MEDIA_TRANSFER_FAILED
    phones.control.clear()
    assert Downloads(shared).get(media_id)[1] == b"later"


def test_damage_is_found(shared: Node, phones: Phones, shared_phone: str, ana: str) -> None:
    phones.disturb(ana, "DAMAGE", bytes=10)
    letter = {"phone": ana, "to": shared_phone, "kind": kind_of("image")}
    media_id = id_in(shared.wait_received(phones.send(b"x" * 1000, **letter)).content)
    error = error_of(lambda: Downloads(shared).get(media_id))
    assert (error.reason, error.metadata["media_id"]) == (Reason.MEDIA_DAMAGED, media_id)
    record = Downloads(shared).changed(media_id)
    assert (record.state, record.reason) == (MediaState.MEDIA_STATE_FAILED, "MEDIA_DAMAGED")


def test_what_whatsapp_has_no_more(quiet: Node, phones: Phones, quiet_phone: str, ana: str) -> None:
    letter = {"phone": ana, "to": quiet_phone, "kind": kind_of("image")}
    sent = phones.send(b"for some weeks", **letter)
    media_id = id_in(quiet.wait_received(sent).content)
    expire = ExpireMediaRequest(phone=ana, message_id=sent)
    phones.stub.ExpireMedia(expire, timeout=5)
    error = error_of(lambda: Downloads(quiet).get(media_id))
    assert error.reason is Reason.MEDIA_EXPIRED
    # Nothing else was asked for, and another is, now.
    other = id_in(quiet.wait_received(phones.send(b"still there", **letter)).content)
    assert Downloads(quiet).get(other)[1] == b"still there"


def test_fetches_that_are_cut_by_the_botnodes_end(
    quiet: Node, phones: Phones, quiet_phone: str, ana: str
) -> None:
    letter = {"phone": ana, "to": quiet_phone, "kind": kind_of("document")}
    data = os.urandom(900_000)
    media_id = id_in(quiet.wait_received(phones.send(data, **letter)).content)
    fault = phones.disturb(ana, "HOLD", times=1, bytes=300_000)
    error = error_of(lambda: Downloads(quiet).get(media_id, timeout_s=0.3))
    assert error.reason is Reason.MEDIA_TRANSFER_FAILED
    phones.control.wait_fault(fault)
    assert quiet.terminate() == 0  # the transfer would go on for half a minute

    fault = phones.disturb(ana, "HOLD", times=1, bytes=600_000)
    quiet.start(BOTMESH_MEDIA_FETCH_LIMIT_MB="1")
    phones.control.wait_fault(fault)
    quiet.kill()

    quiet.start(BOTMESH_MEDIA_FETCH_LIMIT_MB="1")
    assert Downloads(quiet).changed(media_id).state == MediaState.MEDIA_STATE_AVAILABLE
    assert Downloads(quiet).get(media_id)[1] == data


def test_what_is_too_large(quiet: Node, phones: Phones, quiet_phone: str, ana: str) -> None:
    quiet.wait_state("CONNECTED")
    letter = {"phone": ana, "to": quiet_phone, "kind": kind_of("document")}
    large = id_in(quiet.wait_received(phones.send(bytes((1 << 20) + 1), **letter)).content)
    assert Downloads(quiet).changed(large).reason == "MEDIA_TOO_LARGE"
    # Its sender says that it is small.
    lie = protobufs.e2e.Message()
    lie.documentMessage.fileLength = 5
    sent = phones.send(bytes(3 << 20), **(letter | {"content": lie.SerializeToString()}))
    lying = id_in(quiet.wait_received(sent).content)
    assert Downloads(quiet).changed(lying).reason == "MEDIA_TOO_LARGE"
