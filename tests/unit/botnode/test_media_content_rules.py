"""What a content with media must be, field by field, before the media is looked at."""

import base64
import hashlib
from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.errors import MeshError, Reason
from botmesh.v1 import MessageContent, bot_pb2
from botnode import content_media, content_rules, requests
from botnode.media_inspection import MediaKind

PERSON = "5215512345678@s.whatsapp.net"
ID = "6f1c2a52-5d0f-4e0a-9b1e-0c6a3c6f7a01"
BY_ID = {"media_id": ID}
KINDS = ["image", "video", "audio", "document", "sticker"]


def inline(size: int = 1) -> dict[str, str]:
    return {"data": base64.b64encode(bytes(size)).decode()}


def of(kind: str, media: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    if kind == "document":
        fields.setdefault("file_name", "a.pdf")
    return {kind: {"media": media or BY_ID, **fields}}


def check(fields: dict[str, Any]) -> MessageContent:
    return content_rules.checked(json_format.ParseDict(fields, MessageContent()), PERSON)


@pytest.mark.parametrize("kind", KINDS)
def test_what_every_kind_takes(kind: str) -> None:
    for media in (BY_ID, inline(), inline(1_048_576), {**BY_ID, "content_type": "a/b; c=d"}):
        check(of(kind, media))
    check({**of(kind), "forwarded": True, "quoted": {"original": {"message_id": "m"}}})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("media", "wrong"),
    [
        ({"content_type": "image/png"}, ""),
        ({"data": ""}, ".data"),
        (inline(1_048_577), ".data"),
        ({"media_id": "../../node.db"}, ".media_id"),
        ({**BY_ID, "content_type": "png"}, ".content_type"),
    ],
)
def test_what_no_kind_takes(kind: str, media: dict[str, Any], wrong: str) -> None:
    _refused(of(kind, media), f"content.{kind}.media{wrong}")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (of("image", caption="x" * 1_025), "content.image.caption"),
        (of("video", caption="x" * 1_025), "content.video.caption"),
        (of("document", caption="x" * 1_025), "content.document.caption"),
        (of("document", file_name=""), "content.document.file_name"),
        (of("document", file_name=" "), "content.document.file_name"),
        (of("document", file_name="x" * 256), "content.document.file_name"),
        (of("document", file_name="../x"), "content.document.file_name"),
        (of("document", file_name="a\\b"), "content.document.file_name"),
        (of("document", file_name="a\nb"), "content.document.file_name"),
        ({**of("image"), "mentions": ["1@lid"]}, "content.mentions"),
        (
            {
                "text": {"body": "x"},
                "quoted": {"original": {"message_id": "m"}, "content": of("image", inline())},
            },
            "content.quoted.content.image.media",
        ),
    ],
)
def test_what_is_refused(fields: dict[str, Any], wrong: str) -> None:
    _refused(fields, wrong)


def _refused(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(MeshError) as caught:
        check(fields)
    assert caught.value.reason is Reason.INVALID_REQUEST
    assert wrong in [violation.field for violation in caught.value.violations]


def test_a_received_content_can_be_sent_on() -> None:
    told = {"width": 9, "height": 9, "thumbnail": "eA=="}
    media = {**BY_ID, "media_id": ID.upper(), "size_bytes": 5, "sha256": "eA=="}
    assert check(of("image", media, **told)) == check(of("image"))


def _hash(fields: dict[str, Any]) -> bytes:
    content = json_format.ParseDict(fields, MessageContent())
    request = bot_pb2.SendMessageRequest(to="+5215512345678", content=content)
    command = requests.send_command(request, "r")
    assert not MessageContent.FromString(command.content).image.media.data
    return command.content_hash


def test_a_request_is_bound_to_the_bytes_hash() -> None:
    assert _hash(of("image", inline(5))) == _hash(of("image", inline(5)))
    assert _hash(of("image", inline(5))) != _hash(of("image", inline(6)))
    assert _hash(of("image", inline(5))) != _hash(of("image"))


def test_the_bytes_are_taken_out_of_what_is_stored() -> None:
    content = check(of("audio", inline(5), voice=True))
    given = content_media.take(content)
    assert given is not None
    assert (given.form, given.data, given.path) == (
        MediaKind.VOICE,
        bytes(5),
        "content.audio.media",
    )
    assert content.audio.media.WhichOneof("source") is None
    assert content.audio.media.sha256 == hashlib.sha256(bytes(5)).digest()
    assert content_media.take(check({"text": {"body": "x"}})) is None
