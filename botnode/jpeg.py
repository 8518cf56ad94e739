"""What a JPEG file says about itself."""

_START = b"\xff\xd8\xff"
_MARKER = 0xFF
# Start-of-frame markers; the four between them mean something else (ITU-T T.81, table B.1).
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN = 0xDA
_FRAME_SIZE = 9


def size(data: bytes) -> tuple[int, int] | None:
    """A picture's width and height in pixels; None for what is no JPEG file."""
    if not data.startswith(_START):
        return None
    at = 2
    while at + 4 <= len(data) and data[at] == _MARKER:
        marker = data[at + 1]
        if marker == _MARKER:  # padding
            at += 1
            continue
        if marker in _FRAMES and at + _FRAME_SIZE <= len(data):
            height, width = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7))
            return (width, height) if width and height else None
        if marker == _SCAN:
            return None
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return None
