"""Who a message goes to, as a canonical JID."""

import re

from botmesh.errors import MeshError, Reason, Violation
from botnode.neonize_loader import importing

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
GROUP_SERVER = "g.us"

_SEPARATORS = re.compile(r"[\s()\[\]./-]+")
_NUMBER = re.compile(r"\+[1-9]\d{6,14}")
_JID = re.compile(r"([0-9]+(?:-[0-9]+)?)@([a-z.]+)")
_MOST = 64
# Mexican mobile numbers had a 1 after the country code until 2019 (ITU national numbering plan of
# Mexico). Phones no longer dial it, but WhatsApp's JIDs of that time keep it.
_MEXICAN_MOBILE = re.compile(r"\+521(\d{10})")


def canonical_jid(to: str) -> str:
    """The JID of a number in E.164 form or of a JID, in one spelling.

    Spaces, dashes, dots and brackets in a number are ignored. Whether anybody has the number is
    for WhatsApp to say.

    Raises:
        MeshError: RECIPIENT_INVALID, naming the field ``to``.
    """
    text = to.strip()
    if not text:
        raise _invalid("is required")
    if len(text) > _MOST:
        raise _invalid(f"is longer than {_MOST} characters")
    return _of_jid(text.lower()) if "@" in text else _of_number(text)


def _of_number(text: str) -> str:
    number = _SEPARATORS.sub("", text)
    if not number.startswith("+"):
        raise _invalid("must be a number with '+' and country code, or a JID")
    if not _NUMBER.fullmatch(number) or not _is_possible(number):
        raise _invalid("is not a possible phone number")
    return f"{number[1:]}@{USER_SERVER}"


def _of_jid(text: str) -> str:
    found = _JID.fullmatch(text)
    if not found:
        raise _invalid("is not a JID of a person or a group")
    user, server = found.groups()
    if server == USER_SERVER:
        return _of_number(f"+{user}")
    if server == GROUP_SERVER or (server == LID_SERVER and user.isdigit()):
        return f"{user}@{server}"
    raise _invalid(f"must be at {USER_SERVER}, {LID_SERVER} or {GROUP_SERVER}")


def _is_possible(number: str) -> bool:
    # Loaded on first use: 4 MB that a botnode which sends nothing does not need.
    with importing:
        import phonenumbers  # noqa: PLC0415

    try:
        parsed = phonenumbers.parse(_MEXICAN_MOBILE.sub(r"+52\1", number))
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_possible_number(parsed))


def _invalid(what: str) -> MeshError:
    return MeshError(Reason.RECIPIENT_INVALID, f"to: {what}", violations=[Violation("to", what)])
