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


def media(client: Any, kind: str, data: bytes) -> Any:
    """A message of a kind of media, whose bytes are uploaded first."""
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message  # noqa: PLC0415
    from neonize.utils.enum import MediaType  # noqa: PLC0415

    field, place = {
        "image": ("imageMessage", MediaType.MediaImage),
        "video": ("videoMessage", MediaType.MediaVideo),
        "audio": ("audioMessage", MediaType.MediaAudio),
        "voice": ("audioMessage", MediaType.MediaAudio),
        "document": ("documentMessage", MediaType.MediaDocument),
        "sticker": ("stickerMessage", MediaType.MediaImage),
    }[kind]
    uploaded = client.upload(data, place)
    message = Message()
    part = getattr(message, field)
    part.mimetype = "application/x-test"
    part.URL, part.directPath = uploaded.url, uploaded.DirectPath
    part.mediaKey, part.fileLength = uploaded.MediaKey, uploaded.FileLength
    part.fileSHA256, part.fileEncSHA256 = uploaded.FileSHA256, uploaded.FileEncSHA256
    if kind == "voice":
        part.PTT = True
    if kind == "document":
        part.fileName = "order.pdf"
    if kind in ("image", "video"):
        part.caption = "under it"
    return message
