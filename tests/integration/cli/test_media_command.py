"""`botmesh media` against a gateway whose uploads and downloads break off."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_gateway import serving
from typer.testing import CliRunner, Result

from botmesh.cli import media_moves
from botmesh.cli.main import app
from botmesh.errors import MeshError, Reason
from botmesh.rpc.status import to_rpc_status
from botmesh.v1 import (
    BotServiceServicer,
    DeleteMediaResponse,
    DownloadMediaResponse,
    GetMediaResponse,
    MediaServiceServicer,
    MediaState,
    Message,
    SendMessageRequest,
    SendMessageResponse,
    StoredMedia,
    TenantServiceServicer,
    UploadMediaResponse,
)

CONTENT = os.urandom(300_000)
BROKEN = MeshError(Reason.BOTNODE_UNAVAILABLE, "the botnode broke off")


class Media(MediaServiceServicer):
    """Keeps what comes; breaks off after some bytes as often as it is told."""

    def __init__(self) -> None:
        self.stored: dict[str, bytearray] = {}
        self.known: dict[str, StoredMedia] = {}
        self.offsets: list[int] = []
        self.breaks = 0
        self.error = BROKEN

    def UploadMedia(self, requests: Any, context: Any) -> UploadMediaResponse:
        start = next(requests).start
        stored = self.stored.setdefault(start.media_id, bytearray())
        self.offsets.append(start.offset)
        assert start.offset == len(stored)
        self.known[start.media_id] = StoredMedia(
            media_id=start.media_id,
            size_bytes=start.size_bytes,
            sha256=start.sha256,
            content_type=start.content_type,
            state=MediaState.MEDIA_STATE_UPLOADING,
        )
        for request in requests:
            stored += request.data
            if self.breaks and len(stored) > 100_000 * len(self.offsets):
                self.breaks -= 1
                context.abort_with_status(to_rpc_status(self.error))
        self.known[start.media_id].state = MediaState.MEDIA_STATE_AVAILABLE
        return UploadMediaResponse(media=self._media(start.media_id, context))

    def GetMedia(self, request: Any, context: Any) -> GetMediaResponse:
        return GetMediaResponse(media=self._media(request.media_id, context))

    def DownloadMedia(self, request: Any, context: Any) -> Iterator[DownloadMediaResponse]:
        media = self._media(request.media_id, context)
        self.offsets.append(request.offset)
        yield DownloadMediaResponse(media=media)
        for begin in range(request.offset, media.size_bytes, 65_536):
            if self.breaks and begin > 100_000:
                self.breaks -= 1
                context.abort_with_status(to_rpc_status(self.error))
            yield DownloadMediaResponse(
                data=bytes(self.stored[media.media_id][begin : begin + 65_536])
            )

    def DeleteMedia(self, request: Any, context: Any) -> DeleteMediaResponse:
        self.known.pop(request.media_id, None)
        return DeleteMediaResponse()

    def _media(self, media_id: str, context: Any) -> StoredMedia:
        if media_id not in self.known:
            error = MeshError(Reason.MEDIA_NOT_FOUND, "there is no such media")
            context.abort_with_status(to_rpc_status(error))
        media = self.known[media_id]
        media.stored_bytes = len(self.stored[media_id])
        return media


@pytest.fixture
def media() -> Media:
    return Media()


@pytest.fixture
def gateway(media: Media, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(media_moves, "PAUSE_S", 0.01)
    with serving(BotServiceServicer(), TenantServiceServicer(), media=media) as address:
        yield address


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(CONTENT)
    return path


def _run(gateway: str, *arguments: str, status: int = 0) -> Result:
    options = ["--gateway", gateway, "--timeout", "5"]
    done = CliRunner().invoke(app, [*options, *arguments])
    assert done.exit_code == status, done.output
    return done


def _upload(gateway: str, file: Path, *more: str, status: int = 0) -> dict[str, Any]:
    done = _run(gateway, "--json", "media", "upload", "norte", str(file), *more, status=status)
    return dict(json.loads(done.stdout))


def test_an_upload_goes_on_where_it_broke_off(gateway: str, media: Media, file: Path) -> None:
    media.breaks = 2
    stored = _upload(gateway, file, "--content-type", "video/mp4")
    assert bytes(media.stored[stored["media_id"]]) == CONTENT
    assert (stored["content_type"], stored["size_bytes"]) == ("video/mp4", "300000")
    assert media.offsets == sorted(set(media.offsets))
    assert len(media.offsets) == 3


def test_a_command_that_failed_goes_on_when_it_is_repeated(
    gateway: str, media: Media, file: Path
) -> None:
    media.breaks, media.error = 1, MeshError(Reason.STORAGE_FULL, "the disk is full")
    assert _upload(gateway, file, status=3)["error"]["reason"] == "STORAGE_FULL"
    _upload(gateway, file)
    assert len(media.offsets) == 2
    assert media.offsets[1] > 0
    _upload(gateway, file)  # it is there: nothing is sent
    assert len(media.offsets) == 2


def test_an_error_that_does_not_pass_ends_it(gateway: str, media: Media, file: Path) -> None:
    media.breaks, media.error = 1, MeshError(Reason.MEDIA_ID_REUSED, "other media")
    assert _upload(gateway, file, status=1)["error"]["reason"] == "MEDIA_ID_REUSED"
    assert len(media.offsets) == 1


def test_a_download_goes_on_and_leaves_a_whole_file_or_none(
    gateway: str, media: Media, file: Path, tmp_path: Path
) -> None:
    media_id = _upload(gateway, file)["media_id"]
    media.offsets.clear()
    media.breaks = 1
    to = tmp_path / "copy.mp4"
    _run(gateway, "media", "download", "norte", media_id, "--to", str(to))
    assert to.read_bytes() == CONTENT
    assert media.offsets == [0, 131_072]
    there = _run(gateway, "media", "download", "norte", media_id, "--to", str(to), status=2)
    assert "is there already" in there.output
    media.stored[media_id][5] ^= 1
    damaged = tmp_path / "damaged.mp4"
    done = _run(gateway, "media", "download", "norte", media_id, "--to", str(damaged), status=1)
    assert "MEDIA_DAMAGED" in done.output
    assert {path.name for path in tmp_path.iterdir()} == {"a.mp4", "copy.mp4"}


def test_showing_and_deleting(gateway: str, media: Media, file: Path) -> None:
    media_id = _upload(gateway, file)["media_id"]
    shown = _run(gateway, "media", "show", "norte", media_id).output
    assert "AVAILABLE" in shown
    assert "300000 bytes" in shown
    assert "is deleted" in _run(gateway, "media", "delete", "norte", media_id).output
    assert _run(gateway, "--json", "media", "delete", "norte", media_id).stdout == "{}\n"
    gone = _run(gateway, "media", "show", "norte", media_id, status=1)
    assert "MEDIA_NOT_FOUND" in gone.output


# -- botmesh send


class Bots(BotServiceServicer):
    """Takes every message."""

    def __init__(self) -> None:
        self.sent: list[SendMessageRequest] = []

    def SendMessage(self, request: SendMessageRequest, context: Any) -> SendMessageResponse:
        self.sent.append(request)
        return SendMessageResponse(message=Message(content=request.content))


@pytest.fixture
def bots(media: Media) -> Iterator[tuple[str, Bots]]:
    bots = Bots()
    with serving(bots, TenantServiceServicer(), media=media) as address:
        yield address, bots


def test_a_small_file_goes_with_its_message(bots: tuple[str, Bots], tmp_path: Path) -> None:
    address, taken = bots
    file = tmp_path / "pedido.pdf"
    file.write_bytes(b"%PDF")
    for kind in ("image", "video", "document"):
        _run(address, "send", "norte", "+525512345678", f"--{kind}", str(file), "--caption", "mira")
        part = getattr(taken.sent[-1].content, kind)
        assert (part.media.data, part.caption) == (b"%PDF", "mira")
    assert taken.sent[-1].content.document.file_name == "pedido.pdf"
    _run(address, "send", "norte", "+525512345678", "mira", "--image", str(file))
    assert taken.sent[-1].content.image.caption == "mira"
    for kind in ("audio", "voice", "sticker"):
        _run(address, "send", "norte", "+525512345678", f"--{kind}", str(file))
    assert [sent.content.audio.voice for sent in taken.sent[-3:]] == [False, True, False]
    assert taken.sent[-1].content.sticker.media.data == b"%PDF"


def test_a_large_file_is_uploaded_before(
    bots: tuple[str, Bots], media: Media, tmp_path: Path
) -> None:
    address, taken = bots
    file = tmp_path / "a.mp4"
    file.write_bytes(bytes(1_048_577))
    for _ in range(2):
        _run(address, "send", "norte", "+525512345678", "--video", str(file))
    first, second = (sent.content.video.media.media_id for sent in taken.sent)
    assert first == second
    assert bytes(media.stored[first]) == bytes(1_048_577)
    assert len(media.offsets) == 1


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--image", "{file}", "--sticker", "{file}"],
        ["--voice", "{file}", "--caption", "x"],
        ["text", "--image", "{file}", "--caption", "x"],
        ["text", "--caption", "x"],
        ["--image", "{file}.none"],
    ],
)
def test_what_makes_no_message(bots: tuple[str, Bots], file: Path, options: list[str]) -> None:
    address, taken = bots
    arguments = [option.format(file=file) for option in options]
    _run(address, "send", "norte", "+525512345678", *arguments, status=2)
    assert not taken.sent
