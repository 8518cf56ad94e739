"""Big letters."""

from botmesh.cli import big_letters
from sandbox.link_code import ALPHABET


def test_every_letter_of_whatsapps_alphabet_has_a_shape_of_its_own() -> None:
    drawn = {big_letters.draw(letter).plain for letter in ALPHABET}
    assert len(drawn) == len(ALPHABET)
    for picture in drawn:
        assert picture.count("\n") == 3


def test_a_code_fits_a_terminal() -> None:
    lines = big_letters.draw("WXYZ-MNPQ").plain.splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) <= 9 * big_letters.LETTER_WIDTH < 80


def test_a_letter_that_is_not_known_is_shown_as_it_is() -> None:
    assert big_letters.draw("ABCÑ").plain == "ABCÑ\n"
