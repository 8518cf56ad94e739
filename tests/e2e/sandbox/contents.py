"""Messages of every kind that the tests send, as neonize builds them."""

from typing import Any


def jid(name: str, server: str = "s.whatsapp.net") -> Any:
    """An address from ``user@server``, or from a user alone."""
    from neonize.utils.jid import build_jid  # noqa: PLC0415 - neonize starts Go

    user, _, own = name.partition("@")
    return build_jid(user, own or server)


def build(client: Any, kind: str, to: str, text: str, about: str = "") -> Any:
    """A message of a kind; ``about`` is the id of the message that it is about.

    An edit or a revocation is about one of our own, a reaction about one of the other side.
    """
    from neonize.builder import build_edit, build_revoke  # noqa: PLC0415 - neonize starts Go
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: PLC0415 - the same
    from neonize.utils.enum import VoteType  # noqa: PLC0415 - neonize starts Go

    chat = jid(to)
    if kind == "text":
        return Message(conversation=text)
    if kind == "edit":
        return build_edit(chat, about, Message(conversation=text))
    if kind == "reaction":
        return client.build_reaction(chat, chat, about, text)
    if kind == "poll":
        return client.build_poll_vote_creation(text, ["yes", "no"], VoteType.SINGLE)
    if kind == "revoke":
        me = client.get_me().JID
        return build_revoke(chat, me, about, me)
    raise ValueError(kind)


FIELDS = {
    "image": "imageMessage",
    "video": "videoMessage",
    "audio": "audioMessage",
    "voice": "audioMessage",
    "document": "documentMessage",
    "sticker": "stickerMessage",
}


def media(client: Any, kind: str, data: bytes) -> Any:
    """A message of a kind of media, whose bytes are uploaded by the library."""
    from neonize.utils.enum import MediaType  # noqa: PLC0415 - neonize is there only in its own process

    places = {"video": MediaType.MediaVideo, "document": MediaType.MediaDocument}
    places |= dict.fromkeys(("audio", "voice"), MediaType.MediaAudio)
    uploaded = client.upload(data, places.get(kind, MediaType.MediaImage))
    told = {
        "URL": uploaded.url,
        "directPath": uploaded.DirectPath,
        "mediaKey": uploaded.MediaKey,
        "fileLength": uploaded.FileLength,
        "fileSHA256": uploaded.FileSHA256,
        "fileEncSHA256": uploaded.FileEncSHA256,
    }
    return _message(kind, told)


def placed(kind: str, uploaded: Any) -> Any:
    """A message of a kind of media that a botnode has uploaded."""
    told = {
        "URL": uploaded.url,
        "directPath": uploaded.direct_path,
        "mediaKey": uploaded.media_key,
        "mediaKeyTimestamp": int(uploaded.media_key_time.timestamp()),
        "fileLength": uploaded.file_length,
        "fileSHA256": uploaded.file_sha256,
        "fileEncSHA256": uploaded.file_enc_sha256,
    }
    return _message(kind, told)


def part(message: Any) -> Any:
    """The media in a message."""
    return next(getattr(message, name) for name in FIELDS.values() if message.HasField(name))


def _message(kind: str, told: dict[str, Any]) -> Any:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: PLC0415 - neonize is there only in its own process

    message = Message()
    media = getattr(message, FIELDS[kind])
    for name, value in told.items():
        setattr(media, name, value)
    media.mimetype = "application/x-test"
    if kind == "voice":
        media.PTT = True
    if kind == "document":
        media.fileName = "order.pdf"
    if kind in ("image", "video"):
        media.caption = "under it"
    return message
