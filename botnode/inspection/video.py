"""Videos: MP4 with H.264 as phones play it, or made that with ffmpeg."""

from pathlib import Path

from botnode.inspection import mp4, picture
from botnode.inspection.ffmpeg import DEMUXERS, Ffmpeg, FfmpegError, FfmpegTimeoutError
from botnode.inspection.protocol import CONVERTED, Findings, Refusal, RefusedError, Request

MP4 = "video/mp4"
_BOXES = frozenset({MP4, "video/quicktime", "video/3gpp", "video/3gpp2"})
H264 = frozenset({"avc1", "avc3"})
# Constrained Baseline, Main, Extended, High: eight bits, 4:2:0 (ITU-T H.264, annex A).
PLAYED_PROFILES = frozenset({66, 77, 88, 100})
PLAYED_SOUND = frozenset({"mp4a", ""})
# The first frame is often black.
THUMBNAIL_AT_MS = 1000
THUMBNAIL_S = 10.0
MOST_FRAME_BYTES = 1024 * 1024
CONVERTED_SIDE = 1280

_COPY_VIDEO = ("-c:v", "copy")
_PLAYED_SIZE = (
    f"scale='min({CONVERTED_SIDE},iw)':'min({CONVERTED_SIDE},ih)'"
    ":force_original_aspect_ratio=decrease:force_divisible_by=2,setsar=1,format=yuv420p"
)
_MAKE_VIDEO = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-profile:v", "high"),
    *("-x264-params", "rc-lookahead=20"),
    *("-vf", _PLAYED_SIZE),
)
_COPY_SOUND = ("-c:a", "copy")
_MAKE_SOUND = ("-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "44100")


def look_at_video(
    path: Path, content_type: str, request: Request, ffmpeg: Ffmpeg | None
) -> Findings:
    """A video, converted where phones would not play it.

    Raises:
        RefusedError: it is damaged, is none, or would have to be converted and cannot be.
    """
    movie = _movie(path) if content_type in _BOXES else None
    if movie is not None and content_type == MP4 and is_played(movie):
        return _found(path, movie, ffmpeg, converted=False)
    if content_type not in DEMUXERS:
        raise RefusedError(Refusal.INVALID, f"is {content_type}, which no video is")
    if ffmpeg is None:
        raise RefusedError(
            Refusal.CONVERSION_UNAVAILABLE,
            f"is {_describe(content_type, movie)}; phones play MP4 with H.264, and there is no "
            "ffmpeg on the botnode's PATH to make that of it",
        )
    to = Path(request.folder) / CONVERTED
    _convert(request, content_type, movie, ffmpeg, to)
    return _found(to, _movie(to), ffmpeg, converted=True)


def is_played(movie: mp4.Movie) -> bool:
    """Whether phones play it as it is."""
    picture_track, sound = movie.first("vide"), movie.first("soun")
    return (
        picture_track is not None
        and _is_h264(picture_track)
        and (sound is None or sound.codec in PLAYED_SOUND)
        and not movie.fragmented
    )


def _is_h264(track: mp4.Track) -> bool:
    return track.codec in H264 and track.profile in PLAYED_PROFILES


def _movie(path: Path) -> mp4.Movie:
    try:
        with path.open("rb") as file:
            movie = mp4.read(file)
    except mp4.DamagedError as error:
        raise RefusedError(Refusal.INVALID, f"is damaged: {error}") from error
    if movie.first("vide") is None:
        raise RefusedError(Refusal.INVALID, "has no pictures in it: send it as audio")
    return movie


def _describe(content_type: str, movie: mp4.Movie | None) -> str:
    track = movie.first("vide") if movie else None
    if track is None or not track.codec.isalnum():
        return content_type
    return f"{content_type} with {track.codec}"


def _convert(
    request: Request, content_type: str, movie: mp4.Movie | None, ffmpeg: Ffmpeg, to: Path
) -> None:
    """Copy what phones play already, and encode the rest anew."""
    pictures = movie.first("vide") if movie else None
    sound = movie.first("soun") if movie else None
    options = (
        *("-map", "0:v:0", "-map", "0:a:0?"),
        *(_COPY_VIDEO if pictures is not None and _is_h264(pictures) else _MAKE_VIDEO),
        *(_COPY_SOUND if sound is not None and sound.codec == "mp4a" else _MAKE_SOUND),
        *("-movflags", "+faststart", "-f", "mp4"),
    )
    most_bytes = request.most_converted_bytes
    try:
        ffmpeg.convert(Path(request.path), content_type, options, to, most_bytes)
    except FfmpegTimeoutError as error:
        raise RefusedError(
            Refusal.INVALID, "takes too long to convert: send MP4 with H.264"
        ) from error
    except FfmpegError as error:
        raise RefusedError(
            Refusal.INVALID,
            f"is {content_type}, of which ffmpeg cannot make a video of up to {most_bytes} bytes",
        ) from error


def _found(path: Path, movie: mp4.Movie, ffmpeg: Ffmpeg | None, *, converted: bool) -> Findings:
    track = movie.first("vide") or mp4.Track()
    return Findings(
        MP4,
        track.width,
        track.height,
        duration_ms=movie.duration_ms,
        thumbnail=_thumbnail(path, movie, ffmpeg) if ffmpeg else b"",
        converted=converted,
    )


def _thumbnail(path: Path, movie: mp4.Movie, ffmpeg: Ffmpeg) -> bytes:
    """A frame from near the beginning; a video without one can be sent all the same."""
    at_ms = min(THUMBNAIL_AT_MS, movie.duration_ms // 2)
    options = (
        *("-map", "0:v:0", "-an", "-frames:v", "1"),
        *("-vf", "scale=200:200:force_original_aspect_ratio=decrease,format=rgb24"),
        *("-c:v", "png", "-f", "image2pipe"),
    )
    try:
        png = ffmpeg.read(
            path,
            MP4,
            options,
            most_bytes=MOST_FRAME_BYTES,
            limit_s=THUMBNAIL_S,
            before=("-ss", f"{at_ms / 1000:.3f}"),
        )
        return picture.thumbnail_of(png, "PNG")
    except (FfmpegError, RefusedError):
        return b""
