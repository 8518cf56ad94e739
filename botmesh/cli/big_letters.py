"""A pairing code in letters that can be read across a desk."""

from rich.text import Text

# Five rows of five dots each, from the top; the alphabet is that of WhatsApp's codes.
_GLYPHS = {
    "1": "..#.. .##.. ..#.. ..#.. .###.",
    "2": "####. ....# .###. #.... #####",
    "3": "####. ....# .###. ....# ####.",
    "4": "#..#. #..#. ##### ...#. ...#.",
    "5": "##### #.... ####. ....# ####.",
    "6": ".###. #.... ####. #...# .###.",
    "7": "##### ....# ...#. ..#.. ..#..",
    "8": ".###. #...# .###. #...# .###.",
    "9": ".###. #...# .#### ....# .###.",
    "A": ".###. #...# ##### #...# #...#",
    "B": "####. #...# ####. #...# ####.",
    "C": ".#### #.... #.... #.... .####",
    "D": "####. #...# #...# #...# ####.",
    "E": "##### #.... ####. #.... #####",
    "F": "##### #.... ####. #.... #....",
    "G": ".#### #.... #..## #...# .####",
    "H": "#...# #...# ##### #...# #...#",
    "J": "..### ...#. ...#. #..#. .##..",
    "K": "#..#. #.#.. ##... #.#.. #..#.",
    "L": "#.... #.... #.... #.... #####",
    "M": "#...# ##.## #.#.# #...# #...#",
    "N": "#...# ##..# #.#.# #..## #...#",
    "P": "####. #...# ####. #.... #....",
    "Q": ".###. #...# #.#.# #..#. .##.#",
    "R": "####. #...# ####. #..#. #...#",
    "S": ".#### #.... .###. ....# ####.",
    "T": "##### ..#.. ..#.. ..#.. ..#..",
    "V": "#...# #...# #...# .#.#. ..#..",
    "W": "#...# #...# #.#.# ##.## #...#",
    "X": "#...# .#.#. ..#.. .#.#. #...#",
    "Y": "#...# .#.#. ..#.. ..#.. ..#..",
    "Z": "##### ...#. ..#.. .#... #####",
    "-": "..... ..... .###. ..... .....",
}
# Two rows of dots in one line of text.
_HALVES = {("#", "#"): "█", ("#", "."): "▀", (".", "#"): "▄", (".", "."): " "}
_ROWS = 5
_BLANK = "....."
LETTER_WIDTH = 6


def draw(code: str) -> Text:
    """A code in big letters, three lines high; a letter that is not known as it is, small."""
    glyphs = [_GLYPHS[letter].split() for letter in code if letter in _GLYPHS]
    if len(glyphs) != len(code):
        return Text(f"{code}\n")
    text = Text(no_wrap=True, style="bold")
    for top in range(0, _ROWS, 2):
        line = ""
        for glyph in glyphs:
            bottom = glyph[top + 1] if top + 1 < _ROWS else _BLANK
            line += "".join(_HALVES[pair] for pair in zip(glyph[top], bottom, strict=True)) + " "
        text.append(line.rstrip() + "\n")
    return text
