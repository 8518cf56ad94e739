"""Moving files to and from a tenant's media: in pieces, and on from where it broke off."""

import contextlib
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TransferSpeedColumn,
)

from botmesh.cli import output
from botmesh.cli.connection import RETRY_LATER, timeout_s
from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.v1 import (
    DownloadMediaRequest,
    GetMediaRequest,
    MediaServiceStub,
    MediaState,
    StoredMedia,
    UploadMediaRequest,
    UploadStart,
)

PIECE = 65_536
PAUSE_S = 0.5
# An upload of the same file to the same tenant has the same id: it goes on where it broke off, also
# with the next command, and a file that is there already is not sent again.
_NAMESPACE = uuid.UUID("2c2a4a0e-8f0b-4d0e-9d55-6f8f0f6f3f1b")
# After these the upload goes on where the botnode says.
_GOES_ON = frozenset({Reason.MEDIA_OFFSET_WRONG, Reason.MEDIA_INCOMPLETE})

Tell = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to upload."""

    path: Path
    size: int
    sha256: bytes

    @classmethod
    def of(cls, path: Path) -> "LocalFile":
        """Read a file once, for its hash.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").digest()
            return cls(path, os.fstat(file.fileno()).st_size, sha256)

    def media_id(self, tenant_id: str) -> str:
        """The id of its upload."""
        return str(uuid.uuid5(_NAMESPACE, f"{tenant_id}:{self.size}:{self.sha256.hex()}"))


def upload(
    stub: MediaServiceStub, tenant_id: str, file: LocalFile, content_type: str = ""
) -> StoredMedia:
    """Upload a file; goes on after what passes, as long as something moves.

    Raises:
        grpc.RpcError: it cannot be, or nothing moved for the command's timeout.
    """
    media_id = file.media_id(tenant_id)
    with _progress(file.path.name, file.size) as tell:
        patience = _Patience()
        while True:
            stored = _stored(stub, tenant_id, media_id)
            if stored is not None and stored.state == MediaState.MEDIA_STATE_AVAILABLE:
                return stored
            offset = stored.stored_bytes if stored is not None else 0
            start = UploadStart(
                media_id=media_id,
                size_bytes=file.size,
                sha256=file.sha256,
                content_type=content_type,
                offset=offset,
            )
            try:
                requests = _requests(
                    UploadMediaRequest(tenant_id=tenant_id, start=start), file, tell
                )
                return stub.UploadMedia(requests, timeout=None).media
            except grpc.RpcError as error:
                patience.after(error, offset)


def download(stub: MediaServiceStub, tenant_id: str, media_id: str, path: Path) -> StoredMedia:
    """Download media into a file, which is there once it is whole.

    Raises:
        grpc.RpcError: it cannot be, or nothing moved for the command's timeout.
        OSError: the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    patience = _Patience()
    media: StoredMedia | None = None
    try:
        with part.open("xb") as file, contextlib.ExitStack() as shown:
            tell: Tell | None = None
            while True:
                request = DownloadMediaRequest(
                    tenant_id=tenant_id, media_id=media_id, offset=file.tell()
                )
                try:
                    for item in stub.DownloadMedia(request, timeout=None):
                        if item.HasField("data"):
                            file.write(item.data)
                        elif media is None:
                            media = item.media
                            tell = shown.enter_context(_progress(path.name, media.size_bytes))
                        if tell is not None:
                            tell(file.tell())
                    break
                except grpc.RpcError as error:
                    patience.after(error, file.tell())
        assert media is not None  # noqa: S101 - the record comes first
        _check(part, media)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return media


def _check(path: Path, media: StoredMedia) -> None:
    found = LocalFile.of(path)
    if (found.size, found.sha256) != (media.size_bytes, media.sha256):
        output.fail(
            "what came is not what the media is",
            reason=Reason.MEDIA_DAMAGED,
            metadata={"media_id": media.media_id},
        )


class _Patience:
    """How long to go on with a move that breaks off: as long as bytes move now and then."""

    def __init__(self) -> None:
        self._reached = -1
        self._until = 0.0

    def after(self, error: grpc.RpcError, reached: int) -> None:
        """Wait a little before the next try, or raise the error."""
        known = from_rpc_error(error)
        code = error.code() if isinstance(error, grpc.Call) else None
        if code not in RETRY_LATER and not _goes_on(known):
            raise error
        if reached > self._reached:
            self._reached = reached
            self._until = time.monotonic() + timeout_s()
        if time.monotonic() >= self._until or (known and known.reason is Reason.STORAGE_FULL):
            raise error
        time.sleep(PAUSE_S)


def _goes_on(known: MeshError | None) -> bool:
    return known is not None and known.reason in _GOES_ON


def _stored(stub: MediaServiceStub, tenant_id: str, media_id: str) -> StoredMedia | None:
    request = GetMediaRequest(tenant_id=tenant_id, media_id=media_id)
    try:
        return stub.GetMedia(request, timeout=timeout_s()).media
    except grpc.RpcError as error:
        known = from_rpc_error(error)
        if known is not None and known.reason is Reason.MEDIA_NOT_FOUND:
            return None
        raise


def _requests(
    start: UploadMediaRequest, file: LocalFile, tell: Tell
) -> Iterator[UploadMediaRequest]:
    yield start
    with file.path.open("rb") as opened:
        opened.seek(start.start.offset)
        while piece := opened.read(PIECE):
            yield UploadMediaRequest(data=piece)
            tell(opened.tell())


@contextlib.contextmanager
def _progress(name: str, size: int) -> Iterator[Tell]:
    """A bar on a terminal's stderr; elsewhere nothing."""
    shown = output.complaints.is_terminal and not output.is_json()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=output.complaints, transient=True, disable=not shown) as bar:
        task = bar.add_task(output.one_line(name, 40), total=size)
        yield lambda done: bar.update(task, completed=done)
