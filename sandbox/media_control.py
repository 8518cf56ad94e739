"""The control API for media: phones send it, open it, and see it expire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from botmesh.sandbox.v1 import media_pb2 as pb
from botmesh.sandbox.v1 import media_pb2_grpc
from sandbox import conversion, media_message, protobufs
from sandbox.media_cipher import Encryption, MediaError, check, decrypted
from sandbox.media_message import Found
from sandbox.naming import Naming
from sandbox.network import Network
from sandbox.refusals import RefusedError, answering, invalid, streaming
from sandbox.state.media import Media

_KINDS: Final = {
    pb.MEDIA_KIND_IMAGE: "image",
    pb.MEDIA_KIND_VIDEO: "video",
    pb.MEDIA_KIND_AUDIO: "audio",
    pb.MEDIA_KIND_VOICE: "voice",
    pb.MEDIA_KIND_DOCUMENT: "document",
    pb.MEDIA_KIND_STICKER: "sticker",
    pb.MEDIA_KIND_VIDEO_NOTE: "video_note",
}
_KIND_OF: Final = {name: kind for kind, name in _KINDS.items()}


class MediaServicer(media_pb2_grpc.SandboxMediaServiceServicer):
    """Serves the control API over a network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._store = network.store
        self._naming = Naming(network.store)

    @answering
    async def SendMedia(self, requests: AsyncIterator[Any], _context: Any) -> Any:
        letter = (await anext(requests)).letter
        chat = self._naming.chat("letter.to", letter.to)
        phone = self._naming.writer("letter.phone", letter.phone, chat)
        content = _content(letter)
        found = media_message.find(content)
        if found is None:
            raise invalid("letter.content", "it has no media")
        sealed = Encryption(found.host_kind)
        with self._store.media.arriving() as file:
            async for request in requests:
                file.write(sealed.update(request.data))
            file.write(sealed.finish())
            body = self._store.media.add(file, found.host_kind, phone.number, sealed.enc_sha256)
        media_message.tell_place(found.media, body, sealed)
        message = self._network.mail.write(phone, chat, content, letter.message_id)
        return pb.SendMediaResponse(message=conversion.message(message))

    @streaming
    async def OpenMedia(
        self, request: pb.OpenMediaRequest, _context: Any
    ) -> AsyncIterator[pb.OpenMediaResponse]:
        content, found, body = self._found(request.phone, request.message_id)
        if body is None or body.expired:
            text = "the media host has it no more"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "MEDIA_EXPIRED", text)
        media = found.media
        with self._store.media.open(body) as file:
            try:
                check(file, body.size, found.host_kind, media)
            except MediaError as error:
                raise RefusedError(
                    grpc.StatusCode.DATA_LOSS, "MEDIA_DAMAGED", str(error)
                ) from error
            told = pb.OpenedMedia(
                kind=pb.MediaKind.Name(_KIND_OF[found.kind]),
                content_type=media.mimetype,
                caption=getattr(media, "caption", ""),
                file_name=getattr(media, "fileName", ""),
                size_bytes=media.fileLength,
                sha256=media.fileSHA256,
                content=content.SerializeToString(),
            )
            yield pb.OpenMediaResponse(media=told)
            pieces: Iterator[bytes] = decrypted(file, body.size, found.host_kind, media)
            for piece in pieces:
                yield pb.OpenMediaResponse(data=piece)
                await asyncio.sleep(0)

    @answering
    async def ExpireMedia(self, request: pb.ExpireMediaRequest, _context: Any) -> Any:
        _, _, body = self._found(request.phone, request.message_id)
        if body is not None:
            self._store.media.expire(body)
        return pb.ExpireMediaResponse()

    def _found(self, phone: str, message_id: str) -> tuple[Any, Found, Media | None]:
        """A message, the media in it, and what the media host has; raises RefusedError."""
        number = conversion.number("phone", phone)
        messages = self._store.messages.with_id(number, message_id)
        if not messages:
            text = f"+{number} has no message {message_id}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_FOUND", text)
        content = protobufs.e2e.Message.FromString(messages[-1].content)
        found = media_message.find(content)
        if found is None:
            text = f"message {message_id} has no media"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "NO_MEDIA", text)
        return content, found, self._store.media.at(found.media.directPath)


def _content(letter: pb.MediaLetter) -> Any:
    """The message that a letter asks for; raises RefusedError."""
    if letter.content:
        try:
            return protobufs.e2e.Message.FromString(letter.content)
        except DecodeError as error:
            raise invalid("letter.content", "it is no WAWebProtobufsE2E.Message") from error
    if letter.kind not in _KINDS:
        raise invalid("letter.kind", "a kind or a content must be set")
    try:
        return media_message.compose(
            _KINDS[letter.kind],
            letter.content_type,
            letter.caption,
            letter.file_name,
            view_once=letter.view_once,
        )
    except ValueError as error:
        raise invalid("letter.caption", str(error)) from error
