"""Pictures and stickers: their measures, and the small JPEG that phones show first."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from PIL import Image, UnidentifiedImageError

from botnode.inspection.protocol import (
    MOST_THUMBNAIL_BYTES,
    Findings,
    Refusal,
    RefusedError,
)

# Phones of 108 megapixels write JPEG, which is read at an eighth of its size for a thumbnail. All
# else is read whole, at up to eight bytes a pixel.
MOST_PIXELS = {"JPEG": 120_000_000, "PNG": 50_000_000, "WEBP": 50_000_000}
MOST_SIDE = 30_000
THUMBNAIL_SIDE = 100
# From the best that fits; a hundred pixels square never need the last.
QUALITIES = (60, 40, 20, 5)
STICKER_SIDE = 512
MOST_STICKER_BYTES = 100 * 1024
MOST_ANIMATED_BYTES = 500 * 1024
ORIENTATION = 0x0112  # the tag of EXIF
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = frozenset({5, 6, 7, 8})
WHITE = (255, 255, 255)

T = TypeVar("T")


def look_at_image(path: Path, content_type: str) -> Findings:
    """A JPEG or PNG.

    Raises:
        RefusedError: it is damaged or too large.
    """
    name = {"image/jpeg": "JPEG", "image/png": "PNG"}[content_type]
    with path.open("rb") as file:
        image = _open(file, name)
        orientation = _orientation(image)
        width, height = image.size[::-1] if orientation in SIDEWAYS else image.size
        return Findings(content_type, width, height, thumbnail=_decoded(image, orientation))


def look_at_sticker(path: Path, size_bytes: int) -> Findings:
    """A WebP of 512 x 512.

    Raises:
        RefusedError: it is damaged, or not as stickers are.
    """
    with path.open("rb") as file:
        image = _open(file, "WEBP")
        if image.size != (STICKER_SIDE, STICKER_SIDE):
            width, height = image.size
            raise _invalid(
                f"is {width} x {height} pixels; a sticker is {STICKER_SIDE} x {STICKER_SIDE}"
            )
        animated = bool(getattr(image, "is_animated", False))
        most = MOST_ANIMATED_BYTES if animated else MOST_STICKER_BYTES
        if size_bytes > most:
            how = "an animated" if animated else "a still"
            raise _invalid(f"has {size_bytes} bytes; {how} sticker has {most} at most")
        _guarded(image.load)
        return Findings("image/webp", *image.size, animated=animated)


def thumbnail_of(data: bytes, name: str) -> bytes:
    """The small JPEG of a picture that was made here.

    Raises:
        RefusedError: it is none.
    """
    return _decoded(_open(io.BytesIO(data), name), orientation=1)


def shrunk(image: Image.Image) -> bytes:
    """The small JPEG of a decoded picture."""
    return _jpeg(image)


def _open(file: BinaryIO, name: str) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None  # looked at here, with a sentence
    try:
        image = Image.open(file, formats=(name,))
    except UnidentifiedImageError as error:
        raise _invalid("is damaged: its header cannot be read") from error
    except Exception as error:
        raise _damaged(error) from error
    width, height = image.size
    if max(width, height) > MOST_SIDE or width * height > MOST_PIXELS[name]:
        raise _invalid(
            f"is {width} x {height} pixels; up to {MOST_PIXELS[name]:,} and {MOST_SIDE:,} a side "
            "can be sent as a picture, larger ones as a document"
        )
    return image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - what EXIF says is no reason to refuse a picture
        return 1


def _decoded(image: Image.Image, orientation: int) -> bytes:
    """Decode all of it, so that a file that was cut off shows, and make the small JPEG."""

    def work() -> bytes:
        image.draft("RGB", (2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
        image.load()
        turn = TURNS.get(orientation)
        small = _small(image)
        return _jpeg(small.transpose(turn) if turn is not None else small)

    return _guarded(work)


def _small(image: Image.Image) -> Image.Image:
    """On white, as phones show it, and a hundred pixels long."""
    if image.mode.startswith("I"):  # 16 bits of grey, of which the upper eight are seen
        image = image.convert("I").point(lambda level: level / 256).convert("L")
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode not in {"RGB", "RGBA", "L", "LA", "CMYK"}:
        image = image.convert("RGB")
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), reducing_gap=2.0)
    return image


def _jpeg(image: Image.Image) -> bytes:
    if max(image.size) > THUMBNAIL_SIDE:
        image = _small(image)
    canvas = Image.new("RGB", image.size, WHITE)
    if image.mode in {"RGBA", "LA"}:
        seen = image.convert("RGBA")
        canvas.paste(seen, mask=seen.getchannel("A"))
    else:
        canvas.paste(image.convert("RGB"))
    for quality in QUALITIES:
        out = io.BytesIO()
        canvas.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= MOST_THUMBNAIL_BYTES:
            return out.getvalue()
    return b""


def _guarded(work: Callable[[], T]) -> T:
    try:
        return work()
    except MemoryError:
        raise
    except Exception as error:
        raise _damaged(error) from error


def _damaged(error: Exception) -> RefusedError:
    # Pillow's own words: "image file is truncated", "broken data stream when reading image file"
    return _invalid(f"is damaged or cut off ({error})")


def _invalid(text: str) -> RefusedError:
    return RefusedError(Refusal.INVALID, text)
