"""Media over the real library: what phones get of it, and what happens when it gets nowhere."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from botmesh.errors import Reason
from botmesh.sandbox.v1 import (
    DisturbMedia,
    MediaDisturbance,
    MediaTransfer,
    OpenMediaRequest,
    SandboxMediaServiceStub,
)
from botmesh.v1 import message_pb2
from sandbox import protobufs
from sandbox.launch import RunningSandbox
from tests import media_samples
from tests.e2e.botnode.node import Control, Node, error_of, eventually

pytestmark = pytest.mark.e2e

S = message_pb2.MessageState
Content = message_pb2.MessageContent
PICTURE = media_samples.picture("JPEG", (320, 200))


class Phones:
    """What phones find when they open media."""

    def __init__(self, stub: SandboxMediaServiceStub) -> None:
        self._stub: Any = stub

    def open(self, phone: str, whatsapp_id: str) -> tuple[Any, Any, bytes]:
        """What is known of it, the whole message, and the bytes."""
        request = OpenMediaRequest(phone=phone, message_id=whatsapp_id)
        first, *rest = self._stub.OpenMedia(request, timeout=10)
        message = protobufs.e2e.Message.FromString(first.media.content)
        return first.media, message, b"".join(part.data for part in rest)


@pytest.fixture
def phones(running_sandbox: RunningSandbox) -> Iterator[Phones]:
    with grpc.insecure_channel(running_sandbox.addresses.control_address) as channel:
        yield Phones(SandboxMediaServiceStub(channel))


def media(data: bytes, content_type: str = "") -> message_pb2.Media:
    return message_pb2.Media(data=data, content_type=content_type)


def image(data: bytes = PICTURE, **fields: Any) -> Content:
    return Content(image=message_pb2.ImageContent(media=media(data), **fields))


def _image(_: Path) -> tuple[bytes, Content, dict[str, Any]]:
    fields = {"width": 320, "height": 200, "caption": "mira", "mimetype": "image/jpeg"}
    return PICTURE, image(caption="mira"), {"imageMessage": fields}


def _video(folder: Path) -> tuple[bytes, Content, dict[str, Any]]:
    data = media_samples.video(folder / "a.mp4").read_bytes()
    video = message_pb2.VideoContent(media=media(data), caption="mira", gif_playback=True)
    fields = {"width": 320, "height": 180, "caption": "mira", "gifPlayback": True, "seconds": 1}
    return data, Content(video=video), {"videoMessage": fields | {"mimetype": "video/mp4"}}


def _audio(_: Path) -> tuple[bytes, Content, dict[str, Any]]:
    data = media_samples.mp3()
    audio = message_pb2.AudioContent(media=media(data))
    return data, Content(audio=audio), {"audioMessage": {"PTT": False, "mimetype": "audio/mpeg"}}


def _voice(_: Path) -> tuple[bytes, Content, dict[str, Any]]:
    data = media_samples.opus(2.0)
    audio = message_pb2.AudioContent(media=media(data), voice=True)
    fields = {"PTT": True, "seconds": 2, "mimetype": "audio/ogg; codecs=opus"}
    return data, Content(audio=audio), {"audioMessage": fields}


def _document(_: Path) -> tuple[bytes, Content, dict[str, Any]]:
    data = media_samples.pdf(3)
    document = message_pb2.DocumentContent(
        media=media(data), file_name="pedido.pdf", caption="su pedido"
    )
    fields = {"fileName": "pedido.pdf", "caption": "su pedido", "mimetype": "application/pdf"}
    fields["pageCount"] = 3
    return data, Content(document=document), {"documentMessage": fields}


def _sticker(_: Path) -> tuple[bytes, Content, dict[str, Any]]:
    data = media_samples.sticker()
    sticker = message_pb2.StickerContent(media=media(data))
    fields = {"width": 512, "height": 512, "isAnimated": False, "mimetype": "image/webp"}
    return data, Content(sticker=sticker), {"stickerMessage": fields}


@pytest.mark.parametrize("make", [_image, _video, _audio, _voice, _document, _sticker])
def test_a_phone_gets_what_was_sent(
    shared: Node,
    shared_phone: str,
    customer: str,
    phones: Phones,
    control: Control,
    tmp_path: Path,
    make: Callable[[Path], tuple[bytes, Content, dict[str, Any]]],
) -> None:
    data, content, wanted = make(tmp_path)
    content.forwarded = True
    sent = shared.send(customer, content)
    assert sent.state >= S.MESSAGE_STATE_SENT
    control.inbox(customer)
    for phone in (customer, shared_phone):
        found, message, opened = phones.open(phone, sent.whatsapp_id)
        assert opened == data
        assert found.sha256 == hashlib.sha256(data).digest()
        ((kind, fields),) = wanted.items()
        if kind == "documentMessage":
            message = message.documentWithCaptionMessage.message
        built = getattr(message, kind)
        assert {name: getattr(built, name) for name in fields} == fields
        assert built.contextInfo.isForwarded
        assert built.mediaKeyTimestamp
        if kind in ("imageMessage", "videoMessage"):
            assert built.JPEGThumbnail.startswith(b"\xff\xd8")
    eventually(
        lambda: shared.get(message_id=sent.message_id).message.state >= S.MESSAGE_STATE_DELIVERED
    )


def test_media_in_a_group_and_quoted(
    shared: Node, shared_phone: str, customer: str, phones: Phones, control: Control
) -> None:
    group = control.group(shared_phone, customer)
    sent = shared.send(group, image(caption="¿este?"))
    control.inbox(customer)
    assert phones.open(customer, sent.whatsapp_id)[2] == PICTURE
    reply = Content(text=message_pb2.TextContent(body="sí"))
    reply.quoted.original.message_id = sent.message_id
    shared.send(group, reply)
    last = control.inbox(customer, count=2)[-1]
    context = protobufs.e2e.Message.FromString(last.content).extendedTextMessage.contextInfo
    assert context.stanzaID == sent.whatsapp_id
    quoted = context.quotedMessage.imageMessage
    assert (quoted.caption, quoted.mimetype) == ("¿este?", "image/jpeg")
    assert quoted.JPEGThumbnail


def test_a_transfer_that_fails_sends_nothing_and_may_be_asked_for_again(
    shared: Node, shared_phone: str, customer: str, phones: Phones, control: Control
) -> None:
    picture = media_samples.picture("JPEG", (90, 90))
    disturbance = DisturbMedia(
        transfer=MediaTransfer.MEDIA_TRANSFER_UPLOAD,
        how=MediaDisturbance.MEDIA_DISTURBANCE_REFUSE,
        status=500,
    )
    control.fault(disturb_media=disturbance, phone=shared_phone)
    error = error_of(lambda: shared.send(customer, image(picture)))
    assert (error.reason, error.retryable) == (Reason.MEDIA_TRANSFER_FAILED, True)
    failed = shared.get(message_id=error.metadata["message_id"]).message
    assert (failed.state, failed.attempts) == (S.MESSAGE_STATE_FAILED, 0)
    patient = shared.send(
        customer, image(picture), delivery=message_pb2.DELIVERY_QUEUE, timeout_s=1
    )
    assert patient.state == S.MESSAGE_STATE_QUEUED
    control.clear()
    sent = shared.wait_message(patient.message_id, "SENT")
    assert phones.open(customer, sent.whatsapp_id)[2] == picture
