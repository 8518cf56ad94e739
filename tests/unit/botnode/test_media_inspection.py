"""What media is, by a process of its own."""

import io
import stat
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import media_samples as samples
import pytest
from PIL import Image

from botmesh.errors import MeshError, Reason
from botnode import media_inspection
from botnode.inspection import look as program
from botnode.inspection import protocol
from botnode.inspection.protocol import RefusedError, Request
from botnode.media_inspection import Inspection, MediaInspector, MediaKind

Look = Callable[..., Awaitable[Inspection]]

FIELD = "content.image.media"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tenant"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def look(tmp_path: Path, folder: Path) -> Look:
    """Look at bytes or a file: as its process does, or by a process where ffmpeg is to help."""

    async def looking(
        what: bytes | Path,
        kind: MediaKind,
        *,
        with_ffmpeg: bool = False,
        content_type: str = "",
        file_name: str = "",
    ) -> Inspection:
        path = what if isinstance(what, Path) else stored(tmp_path / "given", what)
        if not with_ffmpeg:
            return looked_at(path, kind, content_type, file_name)
        samples.ffmpeg_binary()
        inspector = MediaInspector(folder)
        try:
            return await inspector.inspect(
                path, kind, FIELD, content_type=content_type, file_name=file_name
            )
        finally:
            assert left_in(folder) == []

    return looking


def left_in(folder: Path) -> list[Path]:
    return [left for left in folder.iterdir() if left.is_dir()]


def stored(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def looked_at(path: Path, kind: MediaKind, content_type: str, file_name: str) -> Inspection:
    """Without a process of its own, which takes a tenth of a second."""
    request = Request(str(path), kind, content_type, file_name, "/nonexistent", "", 30.0, 0, 0)
    try:
        answer = protocol.encode_findings(program.look(request))
    except RefusedError as error:
        answer = protocol.encode_refusal(error)
    try:
        return media_inspection.inspection(kind, protocol.decode_answer(answer), None)
    except RefusedError as error:
        raise media_inspection.mesh_error(error, FIELD) from error


async def refused(looking: Awaitable[Inspection], reason: Reason, says: str) -> MeshError:
    with pytest.raises(MeshError) as caught:
        await looking
    assert caught.value.reason == reason, caught.value
    assert says in caught.value.message
    return caught.value


def decoded(thumbnail: bytes) -> Image.Image:
    assert 0 < len(thumbnail) <= 16 * 1024
    image = Image.open(io.BytesIO(thumbnail))
    assert image.format == "JPEG"
    assert max(image.size) <= 100
    return image


class TestPictures:
    @pytest.mark.parametrize(
        ("name", "mode", "options"),
        [
            ("JPEG", "RGB", {}),
            ("JPEG", "CMYK", {}),
            ("JPEG", "L", {}),
            ("JPEG", "RGB", {"progressive": True}),
            ("PNG", "RGB", {}),
            ("PNG", "RGBA", {}),
            ("PNG", "P", {}),
            ("PNG", "LA", {}),
            ("PNG", "1", {}),
            ("PNG", "I;16", {}),
            ("PNG", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (640, 480))]}),
        ],
    )
    async def test_are_measured_and_made_small(
        self, look: Look, name: str, mode: str, options: dict[str, object]
    ) -> None:
        found = await look(samples.picture(name, mode=mode, **options), MediaKind.IMAGE)
        assert found.content_type == f"image/{name.lower()}"
        assert (found.width, found.height) == (640, 480)
        assert decoded(found.thumbnail).size == (100, 75)
        assert found.converted is None

    @pytest.mark.parametrize("orientation", range(1, 9))
    async def test_are_turned_as_their_camera_was_held(self, look: Look, orientation: int) -> None:
        upright = ["red", "lime", "blue", "white"]
        stored = {
            1: (0, 1, 2, 3),
            2: (1, 0, 3, 2),
            3: (3, 2, 1, 0),
            4: (2, 3, 0, 1),
            5: (0, 2, 1, 3),
            6: (1, 3, 0, 2),
            7: (3, 1, 2, 0),
            8: (2, 0, 3, 1),
        }[orientation]
        given = samples.corners("JPEG", orientation, [upright[index] for index in stored])
        found = await look(given, MediaKind.IMAGE)
        image = decoded(found.thumbnail)
        assert (found.width, found.height) == image.size
        assert image.size == ((80, 40) if orientation < 5 else (40, 80))
        wide, high = image.size
        for index, colour in enumerate(upright):
            at = (wide // 4 + index % 2 * wide // 2, high // 4 + index // 2 * high // 2)
            seen = image.getpixel(at)
            wanted = Image.new("RGB", (1, 1), colour).getpixel((0, 0))
            assert isinstance(seen, tuple)
            assert isinstance(wanted, tuple)
            assert all(abs(a - b) < 60 for a, b in zip(seen, wanted, strict=True)), (colour, seen)

    async def test_what_is_transparent_is_white(self, look: Look) -> None:
        out = io.BytesIO()
        Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(out, "PNG")
        found = await look(out.getvalue(), MediaKind.IMAGE)
        assert decoded(found.thumbnail).getpixel((25, 25)) == (255, 255, 255)

    @pytest.mark.parametrize(
        ("what", "says"),
        [
            (samples.picture("JPEG")[:-2000], "cut off"),
            (samples.picture("PNG")[:-2000], "cut off"),
            (b"\xff\xd8\xff\xe0" + bytes(40), "damaged"),
            (samples.bomb(50_000), "50000 x 50000"),
            (samples.bomb(2_000_000_000), "pixels"),
            (samples.picture("GIF"), "gif_playback"),
            (samples.picture("BMP"), "image/bmp"),
            (samples.picture("TIFF"), "image/tiff"),
            (samples.opus(), "audio/ogg"),
            (samples.mp4(), "video/mp4"),
            (b"Hola", "no picture"),
            (b"", "empty"),
        ],
    )
    async def test_what_is_none_is_refused_by_its_field(
        self, look: Look, what: bytes, says: str
    ) -> None:
        error = await refused(look(what, MediaKind.IMAGE), Reason.INVALID_REQUEST, says)
        assert [violation.field for violation in error.violations] == [FIELD]

    async def test_a_false_content_type_is_refused_by_its_field(self, look: Look) -> None:
        looking = look(samples.picture("PNG"), MediaKind.IMAGE, content_type="image/jpeg")
        error = await refused(looking, Reason.INVALID_REQUEST, "image/png")
        assert [violation.field for violation in error.violations] == [f"{FIELD}.content_type"]


class TestStickers:
    @pytest.mark.parametrize("frames", [1, 3])
    async def test_stand_still_or_move(self, look: Look, frames: int) -> None:
        found = await look(samples.sticker(frames=frames), MediaKind.STICKER)
        assert (found.content_type, found.width, found.height) == ("image/webp", 512, 512)
        assert found.animated is (frames > 1)

    @pytest.mark.parametrize(
        ("what", "says"),
        [
            (samples.sticker((400, 512)), "400 x 512"),
            (samples.picture("PNG", (512, 512)), "WebP"),
            (samples.picture("WEBP", (512, 512), quality=95), "bytes"),
            (samples.sticker()[:-30], "damaged"),
        ],
    )
    async def test_what_is_none_is_refused(self, look: Look, what: bytes, says: str) -> None:
        await refused(look(what, MediaKind.STICKER), Reason.INVALID_REQUEST, says)


class TestVideos:
    async def test_are_measured_without_ffmpeg(self, look: Look) -> None:
        found = await look(samples.mp4(size=(320, 180), seconds=2.5), MediaKind.VIDEO)
        assert (found.content_type, found.width, found.height) == ("video/mp4", 320, 180)
        assert (found.duration_ms, found.thumbnail, found.converted) == (2500, b"", None)

    async def test_are_turned_as_their_camera_was_held(self, look: Look) -> None:
        found = await look(samples.mp4(size=(320, 180), turned=True), MediaKind.VIDEO)
        assert (found.width, found.height) == (180, 320)

    @pytest.mark.parametrize(
        "what",
        [
            samples.mp4(codec=b"hvc1"),
            samples.mp4(profile=110),
            samples.mp4(sound=b"sowt"),
            samples.mp4(fragmented=True),
            samples.mp4(brand=b"qt  "),
            samples.picture("GIF"),
            b"\x1aE\xdf\xa3" + bytes(20) + b"webm",
        ],
    )
    async def test_what_phones_do_not_play_needs_ffmpeg(self, look: Look, what: bytes) -> None:
        await refused(look(what, MediaKind.VIDEO), Reason.CONVERSION_UNAVAILABLE, "H.264")

    @pytest.mark.parametrize(
        ("what", "says"),
        [
            (samples.mp4()[:-10], "cut off"),
            (samples.mp4(codec=b""), "no pictures"),
            (samples.box(b"ftyp", b"isom", bytes(8)), "moov"),
            (samples.picture("JPEG"), "image/jpeg"),
        ],
    )
    async def test_what_is_none_is_refused(self, look: Look, what: bytes, says: str) -> None:
        await refused(look(what, MediaKind.VIDEO), Reason.INVALID_REQUEST, says)

    async def test_get_a_thumbnail_with_ffmpeg(self, look: Look, tmp_path: Path) -> None:
        made = samples.video(tmp_path / "made.mp4", seconds=2)
        found = await look(made, MediaKind.VIDEO, with_ffmpeg=True)
        assert (found.width, found.height, found.converted) == (320, 180, None)
        assert abs(found.duration_ms - 2000) < 150
        assert decoded(found.thumbnail).size in {(100, 56), (100, 57)}

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("iphone.mov", ("-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=none")),
            ("odd.mkv", ("-c:v", "libx264", "-vf", "scale=101:57", "-pix_fmt", "yuv444p")),
            ("browser.webm", ("-c:v", "libvpx", "-cpu-used", "8", "-deadline", "realtime")),
            ("moving.gif", ("-an",)),
            ("parts.mp4", ("-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov")),
        ],
    )
    async def test_what_phones_do_not_play_is_converted(
        self, look: Look, tmp_path: Path, name: str, options: tuple[str, ...]
    ) -> None:
        sound = () if name.endswith("gif") else ("-ac", "1")
        if name == "moving.gif":
            options = (*options, "-pix_fmt", "pal8")
        made = samples.video(tmp_path / name, *options, *sound)
        found = await look(made, MediaKind.VIDEO, with_ffmpeg=True)
        assert found.converted is not None
        assert stat.S_IMODE(found.converted.stat().st_mode) == 0o600
        again = await look(found.converted, MediaKind.VIDEO)
        assert again.converted is None
        assert (again.width, again.height) == (found.width, found.height)
        assert abs(found.duration_ms - 1000) < 300
        decoded(found.thumbnail)

    async def test_a_playlist_opens_no_other_file(self, look: Look, tmp_path: Path) -> None:
        secret = samples.video(tmp_path / "secret.mp4")
        for text in (
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
            f"ffconcat version 1.0\nfile '{secret}'\n",
        ):
            given = stored(tmp_path / "given.mp4", text.encode())
            looking = look(given, MediaKind.VIDEO, with_ffmpeg=True, content_type="video/mp4")
            await refused(looking, Reason.INVALID_REQUEST, "no video")


class TestRecordings:
    @pytest.mark.parametrize(
        ("what", "content_type", "duration_ms"),
        [
            (samples.mp3(100), "audio/mpeg", 2612),
            (samples.aac(100), "audio/aac", 2321),
            (samples.amr(50), "audio/amr", 1000),
            (samples.opus(2.0, channels=2), "audio/ogg; codecs=opus", 2000),
            (samples.mp4(brand=b"M4A ", codec=b"", seconds=3), "audio/mp4", 3000),
            (samples.mp4(codec=b"", seconds=3), "audio/mp4", 3000),
        ],
    )
    async def test_are_measured(
        self, look: Look, what: bytes, content_type: str, duration_ms: int
    ) -> None:
        found = await look(what, MediaKind.AUDIO)
        assert found.content_type == content_type
        assert abs(found.duration_ms - duration_ms) < 30
        assert found.converted is None

    @pytest.mark.parametrize(
        ("what", "says"),
        [
            (samples.opus()[:-2], "cut off"),
            (samples.opus(0), "nothing"),
            (samples.aac(50) + bytes(500), "frames"),
            (samples.amr(3)[:-2], "frame"),
            (b"ID3\4\0\0\0\0\0\0" + bytes(300), "frames"),
            (samples.mp4(), "video"),
            (samples.picture("JPEG"), "no recording"),
            (samples.picture("GIF"), "no recording"),
        ],
    )
    async def test_what_is_none_is_refused(self, look: Look, what: bytes, says: str) -> None:
        await refused(look(what, MediaKind.AUDIO), Reason.INVALID_REQUEST, says)

    async def test_a_voice_note_goes_out_as_it_is(self, look: Look) -> None:
        found = await look(samples.opus(2.0), MediaKind.VOICE)
        assert (found.content_type, found.duration_ms) == ("audio/ogg; codecs=opus", 2000)
        assert (found.waveform, found.converted) == (b"", None)

    @pytest.mark.parametrize("what", [samples.mp3(), samples.opus(channels=2), samples.wav()])
    async def test_other_voice_notes_need_ffmpeg(self, look: Look, what: bytes) -> None:
        await refused(look(what, MediaKind.VOICE), Reason.CONVERSION_UNAVAILABLE, "ffmpeg")

    async def test_other_recordings_need_ffmpeg(self, look: Look) -> None:
        await refused(look(samples.wav(), MediaKind.AUDIO), Reason.CONVERSION_UNAVAILABLE, "M4A")

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("browser.webm", ("-c:a", "libopus")),
            ("safari.mp4", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov")),
            ("stereo.ogg", ("-c:a", "libopus", "-ac", "2")),
        ],
    )
    async def test_become_voice_notes(
        self, look: Look, tmp_path: Path, name: str, options: tuple[str, ...]
    ) -> None:
        given = stored(tmp_path / "louder.wav", samples.wav(2, lambda second: second / 2))
        made = samples.ffmpeg(tmp_path / name, "-i", str(given), *options)
        found = await look(made, MediaKind.VOICE, with_ffmpeg=True)
        assert found.converted is not None
        again = await look(found.converted, MediaKind.VOICE, with_ffmpeg=True)
        assert (again.converted, again.content_type) == (None, "audio/ogg; codecs=opus")
        assert abs(found.duration_ms - 2000) < 200  # AAC begins with a frame of silence
        assert again.waveform == found.waveform
        assert len(found.waveform) == 64
        assert max(found.waveform) == 100
        assert found.waveform[5] < found.waveform[25] < found.waveform[45] < found.waveform[60]

    async def test_become_m4a(self, look: Look) -> None:
        found = await look(samples.wav(2), MediaKind.AUDIO, with_ffmpeg=True)
        assert found.converted is not None
        again = await look(found.converted, MediaKind.AUDIO)
        assert (again.content_type, again.converted) == ("audio/mp4", None)
        assert abs(again.duration_ms - 2000) < 100


class TestDocuments:
    async def test_of_pdf_have_pages_and_a_thumbnail(self, look: Look) -> None:
        found = await look(samples.pdf(3), MediaKind.DOCUMENT)
        assert (found.content_type, found.page_count) == ("application/pdf", 3)
        assert decoded(found.thumbnail).size == (71, 100)

    async def test_that_nobody_can_read_can_be_sent(self, look: Look) -> None:
        for what in (b"%PDF-1.7\n", samples.pdf()[:200], samples.pdf().replace(b"/Page", b"/Fool")):
            found = await look(what, MediaKind.DOCUMENT)
            assert (found.content_type, found.page_count) == ("application/pdf", 0)

    @pytest.mark.parametrize(
        ("what", "said", "name", "content_type"),
        [
            (b"a;b\n1;2\n", "", "list.csv", "text/csv"),
            (b"a;b\n1;2\n", "text/csv", "list", "text/csv"),
            (b"a;b\n1;2\n", "", "", "text/plain"),
            ("ñandú".encode()[:-1], "", "", "text/plain"),
            (bytes(range(256)), "", "", "application/octet-stream"),
            (bytes(range(256)), "application/octet-stream", "x.bin", "application/octet-stream"),
            (samples.picture("JPEG"), "", "x.pdf", "image/jpeg"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", "old.doc", "application/msword"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "", "old.pdf", "application/x-ole-storage"),
        ],
    )
    async def test_are_what_bytes_sender_and_name_tell(
        self, look: Look, what: bytes, said: str, name: str, content_type: str
    ) -> None:
        found = await look(what, MediaKind.DOCUMENT, content_type=said, file_name=name)
        assert found.content_type == content_type

    async def test_of_offices_are_told_apart(self, look: Look, tmp_path: Path) -> None:
        given = tmp_path / "given.zip"
        with zipfile.ZipFile(given, "w") as archive:
            archive.writestr("[Content_Types].xml", "<x/>")
            archive.writestr("xl/workbook.xml", "<x/>")
        found = await look(given, MediaKind.DOCUMENT, file_name="list.docx")
        assert found.content_type.endswith("spreadsheetml.sheet")

    async def test_a_zip_of_zeros_stays_a_zip(self, look: Look, tmp_path: Path) -> None:
        given = tmp_path / "given.zip"
        with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("zeros", bytes(64 * 1024 * 1024))
        found = await look(given, MediaKind.DOCUMENT)
        assert found.content_type == "application/zip"

    async def test_of_a_false_type_are_refused(self, look: Look) -> None:
        looking = look(samples.pdf(), MediaKind.DOCUMENT, content_type="image/png")
        await refused(looking, Reason.INVALID_REQUEST, "application/pdf")
