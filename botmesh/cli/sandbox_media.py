"""``botmesh sandbox send | open | expire``: the sandbox's phones and media."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from botmesh.cli import connection, output
from botmesh.cli.sandbox import show_message
from botmesh.cli.sandbox_line import Phone, dial
from botmesh.sandbox import v1 as sandbox

_PIECE = 1 << 20
_PREFIX = "MEDIA_KIND_"
# By what a file's name ends in; everything else is a document.
_KINDS = {
    ".jpg": "image",
    ".jpeg": "image",
    ".png": "image",
    ".mp4": "video",
    ".mp3": "audio",
    ".m4a": "audio",
    ".ogg": "voice",
    ".webp": "sticker",
}

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The file.")]
MessageId = Annotated[str, typer.Argument(help="WhatsApp's id of the message.")]


def send(
    context: typer.Context,
    phone: Phone,
    to: Annotated[str, typer.Argument(help="The number, or the group, written to.")],
    file: File,
    kind: Annotated[
        str,
        typer.Option(
            help="image, video, audio, voice, document, sticker or video-note; "
            "otherwise as the file's name tells."
        ),
    ] = "",
    caption: Annotated[str, typer.Option(help="The text under it.")] = "",
    content_type: Annotated[str, typer.Option("--type", help="The MIME type.")] = "",
    view_once: Annotated[bool, typer.Option(help="Phones show it only once.")] = False,
) -> None:
    """Have a phone send a file."""
    chosen = kind or _KINDS.get(file.suffix.lower(), "document")
    name = f"{_PREFIX}{chosen.upper().replace('-', '_')}"
    if name not in sandbox.MediaKind.DESCRIPTOR.values_by_name:
        raise typer.BadParameter(f"there is no kind {kind!r}")
    letter = sandbox.MediaLetter(
        phone=phone,
        to=to,
        kind=name,
        content_type=content_type,
        caption=caption,
        file_name=file.name if chosen == "document" else "",
        view_once=view_once,
    )
    with dial(context) as channel:
        stub = sandbox.SandboxMediaServiceStub(channel)
        answer = stub.SendMedia(_parts(letter, file), timeout=connection.timeout_s())
        show_message(answer.message)


def open_(
    context: typer.Context,
    phone: Phone,
    message_id: MessageId,
    to: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write it.")] = None,
) -> None:
    """Have a phone open the media of a message in its chats."""
    with dial(context) as channel:
        stub = sandbox.SandboxMediaServiceStub(channel)
        request = sandbox.OpenMediaRequest(phone=phone, message_id=message_id)
        parts = stub.OpenMedia(request, timeout=connection.timeout_s())
        media = next(parts).media
        if to is not None:
            with to.open("wb") as file:
                file.writelines(part.data for part in parts)
        if output.is_json():
            output.emit(output.as_dict(media))
            return
        what = sandbox.MediaKind.Name(media.kind).removeprefix(_PREFIX).lower()
        words = " ".join(filter(None, (media.file_name, media.caption)))
        output.say(f"{what}, {media.content_type}, {media.size_bytes} bytes: {words}".rstrip(": "))


def expire(context: typer.Context, phone: Phone, message_id: MessageId) -> None:
    """Have the media host forget the media of a message."""
    with dial(context) as channel:
        stub = sandbox.SandboxMediaServiceStub(channel)
        request = sandbox.ExpireMediaRequest(phone=phone, message_id=message_id)
        stub.ExpireMedia(request, timeout=connection.timeout_s())
    output.emit({"expired": message_id}) if output.is_json() else output.say("expired")


def _parts(letter: sandbox.MediaLetter, path: Path) -> Iterator[sandbox.SendMediaRequest]:
    yield sandbox.SendMediaRequest(letter=letter)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield sandbox.SendMediaRequest(data=piece)
