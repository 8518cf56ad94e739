"""ffmpeg, as it is let near media that nobody vouches for.

It is told what kind of file it reads, so that no playlist makes it open others; it knows no
protocol but `file` and `pipe`; and it ends when its time, its memory or its output is used up, or
when the process that started it does.
"""

import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from botnode.inspection import bounds
from botnode.inspection.protocol import ENOUGH_OF_LIMIT, Refusal, RefusedError

# The demuxer that reads what the bytes say they are. What is not here, ffmpeg is not asked to read.
DEMUXERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/3gpp2": "mov",
    "audio/mp4": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/x-flv": "flv",
    "video/x-ms-asf": "asf",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "image/gif": "gif",
    "video/ogg": "ogg",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/amr-wb": "amr",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/aiff": "aiff",
    "audio/x-caf": "caf",
}
# Decoders for what cameras, phones, browsers and recorders write; of ffmpeg's hundreds of others
# none has a chance to be wrong.
DECODERS = (
    "h264,hevc,vp8,vp9,libvpx,libvpx-vp9,av1,libdav1d,libaom-av1,mpeg4,mpeg1video,mpeg2video,"
    "msmpeg4v1,msmpeg4v2,msmpeg4,wmv1,wmv2,wmv3,vc1,h263,h263i,flv,mjpeg,gif,theora,prores,"
    "dvvideo,rawvideo,aac,aac_latm,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,"
    "libvorbis,flac,alac,amrnb,amrwb,libopencore_amrnb,libopencore_amrwb,ac3,eac3,wmav1,wmav2,"
    "wmapro,speex,libspeex,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,gsm_ms,pcm_alaw,pcm_mulaw,"
    "pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,"
    "pcm_f32be,pcm_f64le"
)
MOST_MEMORY_BYTES = 1536 * 1024 * 1024
MOST_PIXELS = 40_000_000  # a frame of 8K video has 33 million
PR_SET_PDEATHSIG = 1
EX_ORPHAN = 1
CHUNK_BYTES = 65_536


class FfmpegError(Exception):
    """It made nothing of the file."""


class FfmpegTimeoutError(FfmpegError):
    """It took too long."""


class FfmpegKilledError(FfmpegError):
    """Something killed it: the kernel does where memory is short, or its processor time is over."""


class Ffmpeg:
    """The program, with a moment by which all its work must be done."""

    def __init__(self, program: str, deadline: float) -> None:
        """Args: ``deadline`` by `time.monotonic`."""
        self._program = program
        self._deadline = deadline
        self._limit_s = deadline - time.monotonic()
        self._libc = ctypes.CDLL(None)

    def convert(
        self, path: Path, content_type: str, options: Sequence[str], to: Path, most_bytes: int
    ) -> None:
        """Make a file of a file.

        Raises:
            FfmpegError: it cannot, in the time and size that there is.
            RefusedError: it was cut before it had the processors' time that there is for it.
        """
        argv = [*self._reading(path, content_type), *options, f"file:{to}"]
        try:
            with self._start(argv, most_bytes) as process:
                self._drain(process, 0)
        except (FfmpegTimeoutError, FfmpegKilledError) as error:
            if _processor_s() < self._limit_s * ENOUGH_OF_LIMIT:
                raise RefusedError(Refusal.BUSY, "could not be converted now") from error
            raise

    def read(
        self,
        path: Path,
        content_type: str,
        options: Sequence[str],
        *,
        most_bytes: int,
        limit_s: float,
        before: Sequence[str] = (),
    ) -> bytes:
        """What it writes.

        Raises:
            FfmpegError: it cannot, in the time and size that there is.
        """
        argv = [*self._reading(path, content_type, before), *options, "pipe:1"]
        return b"".join(self._output(argv, most_bytes, limit_s))

    def stream(
        self, path: Path, content_type: str, options: Sequence[str], *, limit_s: float
    ) -> Iterator[bytes]:
        """What it writes, piece by piece, however much it is.

        Raises:
            FfmpegError: it cannot, in the time that there is.
        """
        argv = [*self._reading(path, content_type), *options, "pipe:1"]
        yield from self._output(argv, 1 << 40, limit_s)

    def _reading(self, path: Path, content_type: str, before: Sequence[str] = ()) -> list[str]:
        demuxer = DEMUXERS[content_type.partition(";")[0]]
        return [
            *(self._program, "-nostdin", "-hide_banner", "-loglevel", "error", "-y"),
            *("-protocol_whitelist", "file,pipe", "-format_whitelist", demuxer),
            *("-codec_whitelist", DECODERS, "-max_pixels", str(MOST_PIXELS)),
            *("-threads", "2", "-f", demuxer, *before, "-i", f"file:{path}"),
            *("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn"),
        ]

    def _start(self, argv: list[str], most_bytes: int) -> "subprocess.Popen[bytes]":
        parent = os.getpid()
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            preexec_fn=lambda: self._bound(most_bytes, parent),  # noqa: PLW1509 - one thread runs here
        )

    def _bound(self, most_bytes: int, parent: int) -> None:
        self._libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(EX_ORPHAN)  # it died before it was watched
        bounds.lower(resource.RLIMIT_AS, MOST_MEMORY_BYTES)
        bounds.lower(resource.RLIMIT_FSIZE, most_bytes)

    def _output(self, argv: list[str], most_bytes: int, limit_s: float) -> Iterator[bytes]:
        with self._start(argv, 0) as process:
            yield from self._pieces(process, most_bytes, time.monotonic() + limit_s)

    def _drain(self, process: "subprocess.Popen[bytes]", most_bytes: int) -> None:
        for _ in self._pieces(process, most_bytes, self._deadline):
            pass

    def _pieces(
        self, process: "subprocess.Popen[bytes]", most_bytes: int, until: float
    ) -> Iterator[bytes]:
        """What a process writes, until it ends well."""
        until = min(until, self._deadline)
        output = process.stdout
        if output is None:
            raise FfmpegError("no output")
        poll = select.poll()
        poll.register(output, select.POLLIN)
        got = 0
        try:
            while poll.poll(max(0.0, until - time.monotonic()) * 1000):
                piece = os.read(output.fileno(), CHUNK_BYTES)
                if not piece:
                    self._finish(process, until)
                    return
                got += len(piece)
                if got > most_bytes:
                    raise FfmpegError("it writes too much")
                yield piece
            raise FfmpegTimeoutError("it took too long")
        finally:
            process.kill()

    def _finish(self, process: "subprocess.Popen[bytes]", until: float) -> None:
        try:
            code = process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise FfmpegTimeoutError("it took too long") from error
        if code == -signal.SIGKILL:
            raise FfmpegKilledError("it was killed")
        if code != 0:
            raise FfmpegError(f"it ended with status {code}")


def _processor_s() -> float:
    """How long processors worked for what this process started and waited for."""
    used = os.times()
    return used.children_user + used.children_system
