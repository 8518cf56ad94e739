"""The words that WhatsApp's binary XML shortens to one or two bytes.

``tokens.txt`` holds them one to a line: 236 single-byte words (the first is empty), then four
dictionaries of 256. They are those of dictionary version 3, which a client names in the fourth
byte of its connection header.

Source: whatsmeow's binary/token/token.go.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

DICTIONARY_VERSION: Final = 3
FIRST_DICTIONARY: Final = 236
_DICTIONARY_SIZE: Final = 256

_words = resources.files("sandbox.wire").joinpath("tokens.txt").read_text("utf-8").splitlines()

SINGLE: Final = _words[:FIRST_DICTIONARY]
DOUBLE: Final = [
    _words[start : start + _DICTIONARY_SIZE]
    for start in range(FIRST_DICTIONARY, len(_words), _DICTIONARY_SIZE)
]

CODE: Final[dict[str, bytes]] = {
    word: bytes((FIRST_DICTIONARY + number, index))
    for number, dictionary in enumerate(DOUBLE)
    for index, word in enumerate(dictionary)
} | {word: bytes((index,)) for index, word in enumerate(SINGLE) if word}
