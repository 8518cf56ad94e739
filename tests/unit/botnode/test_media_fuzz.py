"""Damaged media of all kinds: whatever the bytes, the answer is one of the typed ones."""

import random
from pathlib import Path

import media_samples as samples
import pytest

from botnode.inspection import protocol
from botnode.inspection.look import look
from botnode.inspection.protocol import MediaKind, RefusedError, Request

SEED = 20260921
VARIANTS = 60

GIVEN = {
    "jpeg": (MediaKind.IMAGE, samples.picture("JPEG", (64, 48))),
    "png": (MediaKind.IMAGE, samples.picture("PNG", (64, 48), "RGBA")),
    "sticker": (MediaKind.STICKER, samples.sticker(frames=2)),
    "mp4": (MediaKind.VIDEO, samples.mp4()),
    "m4a": (MediaKind.AUDIO, samples.mp4(brand=b"M4A ", codec=b"")),
    "mp3": (MediaKind.AUDIO, samples.mp3(10)),
    "aac": (MediaKind.AUDIO, samples.aac(20)),
    "amr": (MediaKind.AUDIO, samples.amr(20)),
    "voice": (MediaKind.VOICE, samples.opus()),
}


def damaged(data: bytes, dice: random.Random) -> bytes:
    """Bytes changed, left out, put in, or numbers that are lies."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(min(len(changed), dice.choice((32, 400, 1 << 30))))
        match dice.randrange(5):
            case 0:
                changed[at] = dice.randrange(256)
            case 1:
                del changed[at : at + dice.choice((1, 4, 100))]
            case 2:
                changed[at:at] = dice.randbytes(dice.choice((1, 4, 100)))
            case 3:
                lie = dice.choice((0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
                changed[at : at + 4] = lie.to_bytes(4, dice.choice(("big", "little")))
            case 4:
                del changed[max(at, 16) :]
        if len(changed) < 16:
            break
    return bytes(changed) or b"\0"


@pytest.mark.parametrize("name", GIVEN)
def test_every_answer_is_typed(name: str, tmp_path: Path) -> None:
    kind, data = GIVEN[name]
    dice = random.Random(f"{SEED} {name}")
    path = tmp_path / "given"
    for number in range(VARIANTS):
        path.write_bytes(damaged(data, dice))
        request = Request(str(path), kind, "", "x", str(tmp_path), "", 10.0, 1024, 0)
        try:
            found = look(request)
        except RefusedError:
            continue
        except Exception as error:
            raise AssertionError(f"{name} {number}: {error!r}") from error
        assert protocol.decode_answer(protocol.encode_findings(found)) == found
