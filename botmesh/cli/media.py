"""``botmesh media``: files of a tenant, for sending and as they were received."""

from pathlib import Path
from typing import Annotated

import typer

from botmesh.cli import media_moves, output
from botmesh.cli.chat import TenantId
from botmesh.cli.connection import channel, timeout_s
from botmesh.v1 import (
    DeleteMediaRequest,
    GetMediaRequest,
    MediaServiceStub,
    MediaState,
    StoredMedia,
)

app = typer.Typer(
    name="media", help="Media of a tenant: to send, and as received.", no_args_is_help=True
)

MediaId = Annotated[str, typer.Argument(metavar="MEDIA", help="The media's id.")]
File = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="The file to upload.")
]


@app.command()
def upload(
    context: typer.Context,
    tenant_id: TenantId,
    file: File,
    content_type: Annotated[
        str, typer.Option(metavar="TYPE", help="Its MIME type; the bytes tell if not given.")
    ] = "",
) -> None:
    """Upload a file; an upload that broke off goes on where it did."""
    local = local_file(file)
    with channel(context.obj, tenant_id) as opened:
        stored = media_moves.upload(MediaServiceStub(opened), tenant_id, local, content_type)
    _show(stored)


@app.command()
def show(context: typer.Context, tenant_id: TenantId, media_id: MediaId) -> None:
    """Show what is known of media."""
    request = GetMediaRequest(tenant_id=tenant_id, media_id=media_id)
    with channel(context.obj, tenant_id) as opened:
        answer = MediaServiceStub(opened).GetMedia(request, timeout=timeout_s())
    _show(answer.media)


@app.command()
def download(
    context: typer.Context,
    tenant_id: TenantId,
    media_id: MediaId,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="Where to; must not be there.")],
) -> None:
    """Download media into a file; what is still fetched from WhatsApp is waited for."""
    if to.exists():
        raise typer.BadParameter(f"{to} is there already", param_hint="--to")
    with channel(context.obj, tenant_id) as opened:
        try:
            stored = media_moves.download(MediaServiceStub(opened), tenant_id, media_id, to)
        except OSError as error:
            output.fail(f"{to} cannot be written: {error.strerror}")
    _show(stored)


@app.command()
def delete(context: typer.Context, tenant_id: TenantId, media_id: MediaId) -> None:
    """Delete media; messages that wait with it keep it until they are settled."""
    request = DeleteMediaRequest(tenant_id=tenant_id, media_id=media_id)
    with channel(context.obj, tenant_id) as opened:
        answer = MediaServiceStub(opened).DeleteMedia(request, timeout=timeout_s())
    if output.is_json():
        output.emit(output.as_dict(answer))
    output.say(f"{media_id} is deleted")


def local_file(path: Path) -> media_moves.LocalFile:
    """A file to upload; the command ends if it cannot be read."""
    try:
        return media_moves.LocalFile.of(path)
    except OSError as error:
        output.fail(f"{path} cannot be read: {error.strerror}")


def _show(media: StoredMedia) -> None:
    state = output.enum_word(MediaState.Name(media.state), "MEDIA_STATE_")
    there = f"{media.stored_bytes} of {media.size_bytes} bytes"
    whole = media.state == MediaState.MEDIA_STATE_AVAILABLE
    output.show(
        media,
        [
            ("media id", media.media_id),
            ("state", state),
            ("reason", media.reason),
            ("detail", media.detail),
            ("type", media.content_type),
            ("size", f"{media.size_bytes} bytes" if whole else there),
            ("sha256", media.sha256.hex()),
            ("name", media.file_name),
            ("received", "yes" if media.received else ""),
            ("created", media.create_time.ToJsonString()),
            ("expires", media.expire_time.ToJsonString()),
        ],
    )
