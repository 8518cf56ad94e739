"""A QR code drawn in a terminal."""

import segno
from rich.text import Text

# Two rows of modules in one line of text; a code is read dark on light, whatever the theme.
_HALVES = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
_STYLE = "black on white"
QUIET_ZONE = 2


def draw(code: str) -> Text:
    """The QR code of a text, half a character high per module."""
    rows = [list(row) for row in segno.make_qr(code, error="l").matrix_iter(border=QUIET_ZONE)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    lines = [
        "".join(_HALVES[bool(top), bool(bottom)] for top, bottom in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
    text = Text(no_wrap=True)
    for line in lines:
        text.append(line, style=_STYLE)
        text.append("\n")
    return text
