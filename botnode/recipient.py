"""Who a message goes to, as a canonical JID."""

import re

from botmesh.errors import MeshError, Reason, Violation
from botnode.phone_number import NumberError, e164

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
GROUP_SERVER = "g.us"

_JID = re.compile(r"([0-9]+(?:-[0-9]+)?)@([a-z.]+)")
_MOST = 64


class NoJidError(ValueError):
    """A text is neither a possible number nor a JID of the wanted kind; says why."""


def canonical_jid(to: str, *, field: str = "to") -> str:
    """The JID of a number in E.164 form or of a JID, in one spelling.

    Spaces, dashes, dots and brackets in a number are ignored. Whether anybody has the number is
    for WhatsApp to say.

    Raises:
        MeshError: RECIPIENT_INVALID, naming the field.
    """
    try:
        return _jid(to)
    except NoJidError as error:
        raise _invalid(field, str(error)) from None


def canonical_person(text: str, *, field: str) -> str:
    """As `canonical_jid`, of a person.

    Raises:
        MeshError: RECIPIENT_INVALID, naming the field.
    """
    try:
        return person_jid(text)
    except NoJidError as error:
        raise _invalid(field, str(error)) from None


def person_jid(text: str) -> str:
    """As `canonical_jid`, of a person.

    Raises:
        NoJidError: it is none.
    """
    jid = _jid(text)
    if jid.endswith(f"@{GROUP_SERVER}"):
        raise NoJidError("must be a person, not a group")
    return jid


def _jid(to: str) -> str:
    text = to.strip()
    if not text:
        raise NoJidError("is required")
    if len(text) > _MOST:
        raise NoJidError(f"is longer than {_MOST} characters")
    return _of_jid(text.lower()) if "@" in text else _of_number(text)


def _of_number(text: str) -> str:
    if "+" not in text:
        raise NoJidError("must be a number with '+' and country code, or a JID")
    try:
        return f"{e164(text)[1:]}@{USER_SERVER}"
    except NumberError as error:
        raise NoJidError(str(error)) from None


def _of_jid(text: str) -> str:
    found = _JID.fullmatch(text)
    if not found:
        raise NoJidError("is not a JID of a person or a group")
    user, server = found.groups()
    if server == USER_SERVER:
        return _of_number(f"+{user}")
    if server == GROUP_SERVER or (server == LID_SERVER and user.isdigit()):
        return f"{user}@{server}"
    raise NoJidError(f"must be at {USER_SERVER}, {LID_SERVER} or {GROUP_SERVER}")


def _invalid(field: str, what: str) -> MeshError:
    return MeshError(
        Reason.RECIPIENT_INVALID, f"{field}: {what}", violations=[Violation(field, what)]
    )


def without_device(jid: str) -> str:
    """A JID's text without its device number and agent."""
    user, at, server = jid.partition("@")
    return f"{user.partition(':')[0].partition('.')[0]}{at}{server}"
