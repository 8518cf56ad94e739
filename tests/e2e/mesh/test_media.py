"""Media through a whole mesh."""

import hashlib
import os
import re
import signal
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from botmesh.errors import Reason, from_rpc_error
from botmesh.v1 import (
    DownloadMediaRequest,
    GetMediaRequest,
    MediaState,
    StoredMedia,
    UploadMediaRequest,
    UploadStart,
)
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

TENANT = EXAMPLES[0]
CONTENT = os.urandom(3_000_000)
PIECE = 65_536
DOC = Path(__file__).resolve().parents[3] / "docs" / "MEDIA.md"


class Upload:
    """An upload that stops half way until a test lets it go on."""

    def __init__(self) -> None:
        self.media_id = str(uuid.uuid4())
        self.go_on = threading.Event()

    def requests(self, offset: int = 0) -> Iterator[UploadMediaRequest]:
        start = UploadStart(
            media_id=self.media_id,
            size_bytes=len(CONTENT),
            sha256=hashlib.sha256(CONTENT).digest(),
            offset=offset,
        )
        yield UploadMediaRequest(tenant_id=TENANT, start=start)
        for begin in range(offset, len(CONTENT), PIECE):
            if begin > len(CONTENT) / 2:
                self.go_on.wait(LIMIT_S)
            yield UploadMediaRequest(data=CONTENT[begin : begin + PIECE])


def _get(mesh: Mesh, media_id: str) -> StoredMedia:
    request = GetMediaRequest(tenant_id=TENANT, media_id=media_id)
    return mesh.media.GetMedia(request, timeout=LIMIT_S).media


def test_an_upload_goes_on_after_kill_9_of_its_botnode(mesh: Mesh) -> None:
    upload = Upload()
    call = mesh.media.UploadMedia.future(upload.requests(), timeout=LIMIT_S)
    eventually(lambda: _stored(mesh, upload.media_id) > len(CONTENT) / 2)
    os.kill(mesh.tenant(TENANT).pid, signal.SIGKILL)
    error = from_rpc_error(call.exception(LIMIT_S))
    assert error is not None
    assert (error.reason, error.retryable) == (Reason.BOTNODE_UNAVAILABLE, True)
    upload.go_on.set()
    left = _get(mesh, upload.media_id)
    assert left.state == MediaState.MEDIA_STATE_UPLOADING
    assert len(CONTENT) / 2 < left.stored_bytes < len(CONTENT)
    whole = mesh.media.UploadMedia(upload.requests(left.stored_bytes), timeout=LIMIT_S).media
    assert whole.state == MediaState.MEDIA_STATE_AVAILABLE
    items = mesh.media.DownloadMedia(
        DownloadMediaRequest(tenant_id=TENANT, media_id=upload.media_id), timeout=LIMIT_S
    )
    assert b"".join(item.data for item in items) == CONTENT


def test_the_documented_examples(
    mesh: Mesh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "video.mp4").write_bytes(CONTENT)
    code = "\n".join(
        re.findall(r"^```python\n(.*?)^```", DOC.read_text(), re.MULTILINE | re.DOTALL)
    )
    code = code.replace("127.0.0.1:50051", mesh.address).replace("mundo-apple", TENANT)
    exec(code, scope := dict[str, Any]())
    assert (tmp_path / "copy.mp4").read_bytes() == CONTENT
    assert scope["known"].state == MediaState.MEDIA_STATE_AVAILABLE
    with pytest.raises(grpc.RpcError):
        _get(mesh, scope["media_id"])  # the last example deletes it


def _stored(mesh: Mesh, media_id: str) -> int:
    try:
        return _get(mesh, media_id).stored_bytes
    except grpc.RpcError:
        return 0
