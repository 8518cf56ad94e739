"""vCards."""

import pytest

from botnode import vcard


def test_a_card_of_numbers() -> None:
    assert vcard.of_numbers("Ana\n; B\\C", ["+5215512345678"]).splitlines() == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        r"N:;Ana \; B\\C;;;",
        r"FN:Ana \; B\\C",
        "TEL;type=CELL;waid=5215512345678:+5215512345678",
        "END:VCARD",
    ]


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ("TEL;type=CELL;waid=5215512345678:+52 1 55 1234 5678", ["+5215512345678"]),
        ("item1.TEL;waid=5215512345678:55 1234 5678", ["+5215512345678"]),
        ("tel:+525512345678", ["+525512345678"]),
        ("TEL;type=CELL;wa\r\n id=521:+52", ["+521"]),
        ("TELEX:1", []),
        ("NOTE:TEL:1", []),
    ],
)
def test_the_numbers_in_a_card(line: str, numbers: list[str]) -> None:
    assert vcard.numbers_of(f"BEGIN:VCARD\r\n{line}\r\nEND:VCARD") == numbers


def test_what_is_written_can_be_read() -> None:
    numbers = ["+5215512345678", "+14155552671"]
    assert vcard.numbers_of(vcard.of_numbers("Ana", numbers)) == numbers
