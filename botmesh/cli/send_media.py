"""What ``botmesh send`` sends of a file, as its options say it."""

from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from botmesh.cli import media_moves, output
from botmesh.v1 import (
    AudioContent,
    DocumentContent,
    ImageContent,
    Media,
    MediaServiceStub,
    MessageContent,
    StickerContent,
    VideoContent,
)

# Larger files are uploaded first.
MOST_INLINE_BYTES = 1_048_576
KINDS = ("image", "video", "audio", "voice", "document", "sticker")
_CAPTIONED = frozenset({"image", "video", "document"})


def _option(what: str) -> Any:
    return typer.Option(metavar="FILE", exists=True, dir_okay=False, help=f"Send a file as {what}.")


Image = Annotated[Path | None, _option("a picture; TEXT is the caption")]
Video = Annotated[Path | None, _option("a video; TEXT is the caption")]
Audio = Annotated[Path | None, _option("a recording")]
Voice = Annotated[Path | None, _option("a voice note")]
Document = Annotated[Path | None, _option("a document; TEXT is the caption")]
Sticker = Annotated[Path | None, _option("a sticker")]
Caption = Annotated[
    str, typer.Option(metavar="TEXT", help="The text under a file, in place of TEXT.")
]


def content(kind: str, path: Path, caption: str) -> MessageContent:
    """What is sent, still without the file's bytes.

    Raises:
        BadParameter: phones show no text there.
    """
    if caption and kind not in _CAPTIONED:
        raise typer.BadParameter(f"phones show no text under --{kind}", param_hint="--caption")
    match kind:
        case "image":
            return MessageContent(image=ImageContent(caption=caption))
        case "video":
            return MessageContent(video=VideoContent(caption=caption))
        case "document":
            document = DocumentContent(caption=caption, file_name=path.name)
            return MessageContent(document=document)
        case "sticker":
            return MessageContent(sticker=StickerContent())
    return MessageContent(audio=AudioContent(voice=kind == "voice"))


def fill(channel: grpc.Channel, tenant_id: str, wanted: MessageContent, path: Path) -> None:
    """Give a content its file: in the message, or, if it is large, uploaded before.

    Raises:
        grpc.RpcError: it could not be uploaded.
    """
    kind: Any = wanted.WhichOneof("kind")
    try:
        if path.stat().st_size <= MOST_INLINE_BYTES:
            media = Media(data=path.read_bytes())
        else:
            file = media_moves.LocalFile.of(path)
            stored = media_moves.upload(MediaServiceStub(channel), tenant_id, file)
            media = Media(media_id=stored.media_id)
    except OSError as error:
        output.fail(f"{path} cannot be read: {error.strerror}")
    getattr(wanted, kind).media.CopyFrom(media)
