"""Recordings: as phones play them, and voice notes, which phones draw as a line of 64 bars."""

import sys
from array import array
from collections.abc import Callable, Iterable
from pathlib import Path

from botnode.inspection import mp4, recording
from botnode.inspection.content_type import OGG_OPUS
from botnode.inspection.ffmpeg import DEMUXERS, Ffmpeg, FfmpegError, FfmpegTimeoutError
from botnode.inspection.protocol import (
    CONVERTED,
    MOST_LOUD,
    WAVEFORM_VALUES,
    Findings,
    Refusal,
    RefusedError,
    Request,
)

M4A = "audio/mp4"
_BOXES = frozenset({M4A, "video/mp4", "video/quicktime", "video/3gpp", "video/3gpp2"})
_MAYBE_SOUND_ONLY = frozenset({*_BOXES, "video/webm", "video/x-matroska", "video/x-ms-asf"})
WAVEFORM_HZ = 8000
WAVEFORM_S = 30.0
ONE_CHANNEL = 1

_MAKE_VOICE = (
    *("-map", "0:a:0", "-vn", "-c:a", "libopus", "-application", "voip", "-b:a", "32k"),
    *("-ac", "1", "-ar", "48000", "-f", "ogg"),
)
_MAKE_M4A = (
    *("-map", "0:a:0", "-vn", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "44100"),
    *("-movflags", "+faststart", "-f", "mp4"),
)
_SAMPLES = (
    *("-map", "0:a:0", "-vn", "-ac", "1", "-ar", str(WAVEFORM_HZ)),
    *("-c:a", "pcm_s16le", "-f", "s16le"),
)
_DURATIONS: dict[str, Callable[[Path], int]] = {
    "audio/mpeg": recording.mp3_ms,
    "audio/aac": recording.aac_ms,
    "audio/amr": recording.amr_ms,
    OGG_OPUS: lambda path: recording.read_opus(path).duration_ms,
}


def look_at_audio(
    path: Path, content_type: str, request: Request, ffmpeg: Ffmpeg | None
) -> Findings:
    """Music or a recording, converted where phones would not play it.

    Raises:
        RefusedError: it is damaged, is none, or would have to be converted and cannot be.
    """
    if content_type in _DURATIONS:
        return Findings(content_type, duration_ms=_duration_ms(path, content_type))
    if content_type in _BOXES:
        movie = _movie(path)
        if movie.first("vide") is not None:
            raise RefusedError(Refusal.INVALID, "has pictures in it: send it as a video")
        sound = movie.first("soun")
        if sound is not None and sound.codec == "mp4a" and not movie.fragmented:
            return Findings(M4A, duration_ms=movie.duration_ms)
    to = _converted(content_type, request, ffmpeg, _MAKE_M4A, "MP3, M4A, AAC, AMR and Opus")
    return Findings(M4A, duration_ms=_movie(to).duration_ms, converted=True)


def look_at_voice(
    path: Path, content_type: str, request: Request, ffmpeg: Ffmpeg | None
) -> Findings:
    """A voice note: Ogg with Opus of one channel, or made that with ffmpeg.

    Raises:
        RefusedError: it is damaged, is none, or would have to be converted and cannot be.
    """
    if content_type == OGG_OPUS:
        opus = _opus(path)
        if opus.channels == ONE_CHANNEL:
            waveform = _waveform(path, opus.duration_ms, ffmpeg)
            return Findings(OGG_OPUS, duration_ms=opus.duration_ms, waveform=waveform)
        content_type = OGG_OPUS
    to = _converted(
        content_type,
        request,
        ffmpeg,
        _MAKE_VOICE,
        "voice notes of Ogg with Opus, one channel",
    )
    opus = _opus(to)
    waveform = _waveform(to, opus.duration_ms, ffmpeg)
    return Findings(OGG_OPUS, duration_ms=opus.duration_ms, waveform=waveform, converted=True)


def _converted(
    content_type: str,
    request: Request,
    ffmpeg: Ffmpeg | None,
    options: tuple[str, ...],
    played: str,
) -> Path:
    if content_type.partition(";")[0] not in DEMUXERS or content_type == "image/gif":
        raise RefusedError(Refusal.INVALID, f"is {content_type}, which no recording is")
    if ffmpeg is None:
        raise RefusedError(
            Refusal.CONVERSION_UNAVAILABLE,
            f"is {content_type}; phones play {played}, and there is no ffmpeg on the botnode's "
            "PATH to make that of it",
        )
    to = Path(request.folder) / CONVERTED
    try:
        ffmpeg.convert(Path(request.path), content_type, options, to, request.most_converted_bytes)
    except FfmpegTimeoutError as error:
        raise RefusedError(Refusal.INVALID, "takes too long to convert") from error
    except FfmpegError as error:
        raise RefusedError(
            Refusal.INVALID,
            f"is {content_type}, in which ffmpeg finds no recording of up to "
            f"{request.most_converted_bytes} bytes",
        ) from error
    return to


def _duration_ms(path: Path, content_type: str) -> int:
    try:
        return _DURATIONS[content_type](path)
    except recording.DamagedError as error:
        raise RefusedError(Refusal.INVALID, f"is damaged: {error}") from error


def _opus(path: Path) -> recording.Opus:
    try:
        return recording.read_opus(path)
    except recording.DamagedError as error:
        raise RefusedError(Refusal.INVALID, f"is damaged: {error}") from error


def _movie(path: Path) -> mp4.Movie:
    try:
        with path.open("rb") as file:
            return mp4.read(file)
    except mp4.DamagedError as error:
        raise RefusedError(Refusal.INVALID, f"is damaged: {error}") from error


def _waveform(path: Path, duration_ms: int, ffmpeg: Ffmpeg | None) -> bytes:
    """How loud it is along its length; a voice note without can be sent all the same."""
    if ffmpeg is None:
        return b""
    try:
        pieces = ffmpeg.stream(path, OGG_OPUS, _SAMPLES, limit_s=WAVEFORM_S)
        return waveform(pieces, duration_ms * WAVEFORM_HZ // 1000)
    except FfmpegError:
        return b""


def waveform(pieces: Iterable[bytes], samples: int) -> bytes:
    """The loudest sample in each 64th of a recording, beside the loudest of all.

    Args:
        pieces: its samples, 16 bits each, little-endian.
        samples: how many there are, about.
    """
    peaks = [0] * WAVEFORM_VALUES
    at, rest = 0, b""
    for piece in pieces:
        whole = rest + piece
        even = len(whole) & ~1
        rest = whole[even:]
        at = _add_peaks(peaks, _levels(whole[:even]), at, max(samples, WAVEFORM_VALUES))
    loudest = max(peaks) or 1
    return bytes(peak * MOST_LOUD // loudest for peak in peaks)


def _levels(data: bytes) -> "array[int]":
    levels = array("h", data)
    if sys.byteorder == "big":
        levels.byteswap()
    return levels


def _add_peaks(peaks: list[int], levels: "array[int]", at: int, samples: int) -> int:
    start = 0
    while start < len(levels):
        bar = min(at * WAVEFORM_VALUES // samples, WAVEFORM_VALUES - 1)
        # Where the next bar begins; the last takes what is left.
        end = len(levels)
        if bar < WAVEFORM_VALUES - 1:
            end = min(end, start + -(-(bar + 1) * samples // WAVEFORM_VALUES) - at)
        part = levels[start:end]
        loudest = max(max(part), -min(part))  # noqa: PLW3301 - of an array, as C does it
        peaks[bar] = max(peaks[bar], loudest)
        at += len(part)
        start = end
    return at
