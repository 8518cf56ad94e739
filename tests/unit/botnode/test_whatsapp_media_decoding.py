"""Media in WhatsApp's messages: what is told of it, and what a sender cannot do with it."""

import hashlib
from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.v1 import MessageContent
from botnode import media_source, whatsapp_decoding
from botnode import whatsapp_media_decoding as media_decoding
from botnode.media_ports import MediaKind, MediaReference
from botnode.media_source import Source
from botnode.ports import Account
from botnode.whatsapp_decoding import Envelope
from sandbox import protobufs

ME = Account("5215512345678:3@s.whatsapp.net", "77@lid")
ANA = "1@lid"
SHA256 = hashlib.sha256(b"a").digest()
JPEG = b"\xff\xd8\xff\xe0"


def message_with(field: str, **values: Any) -> Any:
    message = protobufs.e2e.Message()
    part = getattr(message, field)
    part.SetInParent()
    part.fileSHA256, part.fileLength = SHA256, 7
    for name, value in values.items():
        setattr(part, name, value)
    return message


def decode(message: Any) -> MessageContent:
    content = whatsapp_decoding.decode(message, Envelope(ANA, False, False, ME))
    assert content is not None
    return content


@pytest.mark.parametrize(
    ("field", "values", "kind", "expected"),
    [
        (
            "imageMessage",
            {"mimetype": "image/jpeg", "caption": "hola", "width": 4, "height": 3}
            | {"JPEGThumbnail": JPEG},
            MediaKind.IMAGE,
            {"image": {"caption": "hola", "width": 4, "height": 3, "thumbnail": "/9j/4A=="}},
        ),
        (
            "videoMessage",
            {"mimetype": "video/mp4", "caption": "mira", "gifPlayback": True, "seconds": 5},
            MediaKind.VIDEO,
            {"video": {"caption": "mira", "gif_playback": True, "duration": "5s"}},
        ),
        (
            "ptvMessage",
            {"mimetype": "video/mp4", "seconds": 9, "width": 4, "height": 4},
            MediaKind.VIDEO,
            {"video": {"video_note": True, "duration": "9s", "width": 4, "height": 4}},
        ),
        (
            "audioMessage",
            {"mimetype": "audio/ogg; codecs=opus", "PTT": True, "seconds": 3}
            | {"waveform": bytes([100]) + bytes(63)},
            MediaKind.AUDIO,
            {"audio": {"voice": True, "duration": "3s", "waveform": "ZA" + 84 * "A" + "=="}},
        ),
        (
            "documentMessage",
            {"mimetype": "application/pdf", "fileName": "factura.pdf", "pageCount": 2}
            | {"caption": "su factura", "JPEGThumbnail": JPEG},
            MediaKind.DOCUMENT,
            {
                "document": {
                    "file_name": "factura.pdf",
                    "page_count": 2,
                    "caption": "su factura",
                    "thumbnail": "/9j/4A==",
                }
            },
        ),
        (
            "stickerMessage",
            {"mimetype": "image/webp", "isAnimated": True, "width": 512, "height": 512},
            MediaKind.STICKER,
            {"sticker": {"animated": True, "width": 512, "height": 512}},
        ),
    ],
)
def test_every_kind(
    field: str, values: dict[str, Any], kind: MediaKind, expected: dict[str, Any]
) -> None:
    place = {"URL": "https://mmg.whatsapp.net/x", "directPath": "/v/x?y"}
    keys = {"mediaKey": bytes(32), "fileEncSHA256": bytes(range(32))}
    message = message_with(field, **values, **place, **keys)
    content = decode(message)
    received = media_decoding.take(message, content)
    assert received is not None
    (part,) = expected.values()
    part["media"] = {"content_type": values["mimetype"], "size_bytes": 7}
    wanted = json_format.ParseDict(expected, MessageContent())
    told = getattr(wanted, next(iter(expected))).media
    told.sha256, told.media_id = SHA256, received.media_id
    assert content == wanted
    assert (received.content_type, received.file_name) == (
        values["mimetype"],
        values.get("fileName", ""),
    )
    assert received.reference == MediaReference(
        kind, place["URL"], place["directPath"], bytes(32), SHA256, bytes(range(32)), 7
    )
    again = media_decoding.take(message, content)
    assert again is not None
    assert again.media_id != received.media_id


def test_a_message_without_media_has_none() -> None:
    message = protobufs.e2e.Message(conversation="hola")
    assert media_decoding.take(message, decode(message)) is None
    assert media_decoding.take(message_with("imageMessage"), None) is None


def test_a_reply_with_media_to_media() -> None:
    message = message_with("imageMessage")
    context = message.imageMessage.contextInfo
    context.stanzaID, context.participant = "3EB0", "77:1@lid"
    context.quotedMessage.documentMessage.fileName = "lista.pdf"
    context.mentionedJID.append(ANA)
    context.isForwarded, context.forwardingScore = True, 3
    content = decode(message)
    assert media_decoding.take(message, content) is not None
    assert content.quoted.original.from_me
    assert content.quoted.content.document.file_name == "lista.pdf"
    assert not content.quoted.content.document.media.media_id
    assert (list(content.mentions), content.forwarding_score) == ([ANA], 3)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("../../etc/passwd", ".. .. etc passwd"),
        ("..\\..\\x.exe", ".. .. x.exe"),
        ("a\0b\r\nc\x1b[2J.pdf", "abc[2J.pdf"),
        ("factura\u202efdp.exe", "facturafdp.exe"),
        ("..", ""),
        (" / ", ""),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"),
        ("x" * 300, "x" * 255),
        ("." + "x" * 300, "." + "x" * 254),
        ("x" * 300 + "." + "y" * 300, "x" * 255),
        ("año 👨‍👩‍👧.txt", "año 👨‍👩‍👧.txt"),
    ],
)
def test_a_name_is_no_path(told: str, name: str) -> None:
    content = decode(message_with("documentMessage", fileName=told))
    assert content.document.file_name == name


def test_a_title_stands_in_for_a_name() -> None:
    assert decode(message_with("documentMessage", title="lista")).document.file_name == "lista"


@pytest.mark.parametrize(
    "values",
    [
        {"JPEGThumbnail": JPEG + bytes(65_536)},
        {"JPEGThumbnail": b"<svg onload='x'>"},
        {"mimetype": "text/html\r\nX: y"},
        {"mimetype": "x" * 300},
        {"fileSHA256": b"short"},
        {"fileLength": 2**64 - 1},
        {"URL": "https://" + "x" * 5000, "directPath": "/" + "x" * 5000},
        {"mediaKey": b"short", "fileEncSHA256": bytes(33)},
    ],
)
def test_what_is_out_of_bounds_is_left_out(values: dict[str, Any]) -> None:
    message = message_with("imageMessage", **values)
    content = decode(message)
    received = media_decoding.take(message, content)
    assert received is not None
    assert content.image.thumbnail == b""
    assert content.image.media.content_type == "application/octet-stream"
    assert content.image.media.size_bytes < 2**63
    reference = received.reference
    assert reference.file_length == content.image.media.size_bytes
    assert reference.file_sha256 == content.image.media.sha256
    assert len(reference.file_sha256) in {0, 32}
    assert (reference.url, reference.direct_path) == ("", "")
    assert (reference.media_key, reference.file_enc_sha256) == (b"", b"")


@pytest.mark.parametrize("waveform", [bytes(63), bytes(65), bytes([101]) * 64, b""])
def test_an_odd_waveform_is_left_out(waveform: bytes) -> None:
    assert decode(message_with("audioMessage", waveform=waveform)).audio.waveform == b""


def test_text_that_is_none() -> None:
    part = protobufs.e2e.ImageMessage(caption="x").SerializeToString().replace(b"x", b"\xff")
    message = protobufs.e2e.Message.FromString(bytes([0x1A, len(part)]) + part)
    assert decode(message).image.caption == "\N{REPLACEMENT CHARACTER}"


def test_a_place_is_read_as_it_was_written() -> None:
    reference = MediaReference(MediaKind.AUDIO, "u", "d", b"\0\xff", SHA256, b"", 2**63 - 1)
    source = Source("+525512345678", reference)
    assert media_source.read(media_source.write(source)) == source
