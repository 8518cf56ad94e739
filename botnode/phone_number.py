"""Phone numbers as people write them."""

import re

from botnode.neonize_loader import importing

_SEPARATORS = re.compile(r"[\s()\[\]./-]+")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
# Mexican mobile numbers had a 1 after the country code until 2019 (ITU national numbering plan of
# Mexico). Phones no longer dial it, but WhatsApp's JIDs of that time keep it.
_MEXICAN_MOBILE = re.compile(r"\+521(\d{10})")
MOST = 64


class NumberError(ValueError):
    """Not a phone number; the text says what is wrong with it."""


def e164(text: str) -> str:
    """A number in E.164 form with "+"; spaces, dashes, dots and brackets are ignored.

    Whether anybody has the number is for WhatsApp to say.

    Raises:
        NumberError: it cannot be a number.
    """
    if len(text) > MOST:
        raise NumberError(f"is longer than {MOST} characters")
    number = _SEPARATORS.sub("", text)
    if not number.startswith("+"):
        raise NumberError("must be a number with '+' and country code")
    if not _NUMBER.fullmatch(number) or not _is_possible(number):
        raise NumberError("is not a possible phone number")
    return number


def _is_possible(number: str) -> bool:
    with importing:
        import phonenumbers  # noqa: PLC0415 - 4 MB that only a sender needs

    try:
        parsed = phonenumbers.parse(_MEXICAN_MOBILE.sub(r"+52\1", number))
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_possible_number(parsed))
