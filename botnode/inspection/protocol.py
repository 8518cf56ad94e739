"""What a botnode asks the process that looks at media, and what that answers: a line of JSON each.

The answer is read with as much care as a stranger's: the process had untrusted bytes in its hands.
"""

import base64
import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

MOST_ANSWER_BYTES = 65_536
MOST_THUMBNAIL_BYTES = 16_384
MOST_PIXELS_A_SIDE = 1 << 31
MOST_TEXT = 500
MOST_CONTENT_TYPE = 255
LONGEST_MS = 1 << 40
WAVEFORM_VALUES = 64
MOST_LOUD = 100
# Of a look's time that processors must have worked for it: what was cut with less had too little of
# the machine, and may come to its end the next time.
ENOUGH_OF_LIMIT = 0.9


class MediaKind(StrEnum):
    """What media is to be on phones."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"


class Refusal(StrEnum):
    """Why media cannot be sent as the wanted kind."""

    INVALID = "invalid"
    """It is not what it shall be."""
    CONTENT_TYPE = "content_type"
    """It is not what its sender says."""
    CONVERSION_UNAVAILABLE = "conversion_unavailable"
    """It would have to be converted, and there is no ffmpeg."""
    DISK = "disk"
    """The folder for what is made of it takes nothing."""
    BUSY = "busy"
    """The machine has not enough time or memory for it now."""


class ProtocolError(Exception):
    """An answer that is none."""


class RefusedError(Exception):
    """Media that cannot be sent as the wanted kind; the text says why, for its sender."""

    def __init__(self, refusal: Refusal, text: str) -> None:
        super().__init__(text)
        self.refusal = refusal
        self.text = text


@dataclass(frozen=True, slots=True)
class Request:
    """What to look at.

    Attributes:
        path: the file.
        kind: what it shall be.
        content_type: the MIME type that its sender gave; may be empty.
        file_name: the name that its sender gave; may be empty.
        folder: an empty folder for what is made of it.
        ffmpeg: the program's path; empty where there is none.
        limit_s: how long all of it may take.
        most_converted_bytes: how large what is made of it may be.
        asked_by: the process id of whoever waits for the answer.
        plain: tell a document's type, and no more.
    """

    path: str
    kind: MediaKind
    content_type: str
    file_name: str
    folder: str
    ffmpeg: str
    limit_s: float
    most_converted_bytes: int
    asked_by: int
    plain: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found.

    Attributes:
        content_type: the MIME type of what is to be sent.
        width: in pixels, as it is shown; 0 where not known.
        height: the same.
        duration_ms: how long it plays; 0 where not known.
        thumbnail: a small JPEG; may be empty.
        waveform: 64 values of 0 to 100, one a byte; may be empty.
        animated: a sticker that moves.
        page_count: a document's; 0 where not known.
        converted: what is to be sent stands in the folder under `CONVERTED`, not in the file.
    """

    content_type: str
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    thumbnail: bytes = b""
    waveform: bytes = b""
    animated: bool = False
    page_count: int = 0
    converted: bool = False


CONVERTED = "converted"


def encode_request(request: Request) -> bytes:
    """One line."""
    return json.dumps(asdict(request)).encode() + b"\n"


def decode_request(line: bytes) -> Request:
    """The request in a line of `encode_request`."""
    values = json.loads(line)
    return Request(**{**values, "kind": MediaKind(values["kind"])})


def encode_findings(findings: Findings) -> bytes:
    """One line."""
    values = asdict(findings)
    for name in ("thumbnail", "waveform"):
        values[name] = base64.b64encode(values[name]).decode()
    return json.dumps({"findings": values}).encode() + b"\n"


def encode_refusal(refusal: RefusedError) -> bytes:
    """One line."""
    return json.dumps({"refusal": refusal.refusal, "text": refusal.text}).encode() + b"\n"


def encode_fault(error: BaseException) -> bytes:
    """One line about a fault of the program itself."""
    return json.dumps({"fault": f"{type(error).__name__}: {error}"[:MOST_TEXT]}).encode() + b"\n"


def decode_answer(data: bytes) -> Findings:
    """The findings in an answer.

    Raises:
        RefusedError: the answer is a refusal.
        ProtocolError: it is a fault, or nothing that the process may say.
    """
    try:
        answer = json.loads(data)
        if "refusal" in answer:
            raise RefusedError(Refusal(answer["refusal"]), _text(answer["text"]))
        if "fault" in answer:
            raise ProtocolError(_text(answer["fault"]))
        return _findings(answer["findings"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProtocolError(f"no answer ({type(error).__name__})") from error


def _text(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text[:MOST_TEXT])


def _findings(values: dict[str, Any]) -> Findings:
    for name in ("thumbnail", "waveform"):
        values[name] = base64.b64decode(values[name], validate=True)
    found = Findings(**values)
    for field in fields(Findings):
        if type(getattr(found, field.name)) is not field.type:
            raise TypeError(field.name)
    most = {"width": MOST_PIXELS_A_SIDE, "height": MOST_PIXELS_A_SIDE, "duration_ms": LONGEST_MS}
    for name in ("width", "height", "duration_ms", "page_count"):
        if not 0 <= getattr(found, name) <= most.get(name, MOST_PIXELS_A_SIDE):
            raise ValueError(name)
    if (
        len(found.thumbnail) > MOST_THUMBNAIL_BYTES
        or len(found.waveform) not in (0, WAVEFORM_VALUES)
        or max(found.waveform, default=0) > MOST_LOUD
        or not 0 < len(found.content_type) <= MOST_CONTENT_TYPE
        or not found.content_type.isprintable()
    ):
        raise ValueError("out of bounds")
    return found
