"""What requests about groups must be before WhatsApp is asked: the limits in group.proto."""

import base64
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from botmesh.errors import Violation, invalid, invalid_fields
from botmesh.v1 import group_pb2
from botnode import jpeg
from botnode.recipient import GROUP_SERVER, NoJidError, person_jid

MOST_NAME = 100
MOST_DESCRIPTION = 2_048
MOST_FOUNDERS = 1_023
MOST_CHANGED = 256
MOST_PICTURE = 1_048_576
MOST_LINK = 256
MOST_PAGE = 100_000
EPHEMERAL = tuple(timedelta(days=days) for days in (0, 1, 7, 90))
UPDATABLE = ("name", "description", "announce", "locked", "ephemeral_expiration")

_GROUP = re.compile(r"[0-9]{1,20}(-[0-9]{1,20})?@g\.us")
_LINK = re.compile(
    r"(?:(?:https?://)?chat\.whatsapp\.com/(?:invite/)?)?([A-Za-z0-9]{8,64})/?(?:\?.*)?"
)


def group_jid(text: str) -> str:
    """A group's JID in its one spelling.

    Raises:
        MeshError: INVALID_REQUEST, naming the field; as all functions of this module do.
    """
    jid = text.strip().lower()
    if not jid:
        raise invalid("group_jid", "is required")
    if not _GROUP.fullmatch(jid):
        raise invalid("group_jid", f"must be a group's JID, which ends with @{GROUP_SERVER}")
    return jid


def page(request: group_pb2.ListGroupsRequest) -> tuple[str, int]:
    """The JID after which a page begins, and how many groups it may have at most."""
    if request.page_size < 0:
        raise invalid("page_size", "must not be negative")
    try:
        after = base64.b64decode(request.page_token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid("page_token", "is none of this service's") from None
    if after and not _GROUP.fullmatch(after):
        raise invalid("page_token", "is none of this service's")
    return after, request.page_size or MOST_PAGE


def page_token(last_jid: str) -> str:
    """A token for the page after a group."""
    return base64.urlsafe_b64encode(last_jid.encode()).decode()


def founding(request: group_pb2.CreateGroupRequest) -> tuple[str, list[str]]:
    """The name of a new group and the JIDs of its people."""
    jids: list[str] = []
    violations = [
        *_name(request.name),
        *_people(request.participants, jids, fewest=0, most=MOST_FOUNDERS),
    ]
    if violations:
        raise invalid_fields(violations)
    return request.name, jids


def participants(request: group_pb2.UpdateGroupParticipantsRequest) -> list[str]:
    """The JIDs of the people with whom something is to be done."""
    jids: list[str] = []
    violations = [*_people(request.participants, jids, fewest=1, most=MOST_CHANGED)]
    known = group_pb2.ParticipantAction.values()
    if not request.action:
        violations.append(Violation("action", "is required"))
    elif request.action not in known:
        violations.append(Violation("action", f"{request.action} is none that this version knows"))
    if violations:
        raise invalid_fields(violations)
    return jids


def check_update(request: group_pb2.UpdateGroupRequest) -> list[str]:
    """Check what is to be changed; the names of the fields that are set, in their order."""
    fields = [field for field in UPDATABLE if request.HasField(field)]
    if not fields:
        raise invalid("name", f"one of {', '.join(UPDATABLE)} is required")
    violations = [*(_name(request.name) if "name" in fields else ())]
    description = request.description
    violations += _length(description, "description", MOST_DESCRIPTION)
    if _has_controls(description.replace("\n", "").replace("\t", "")):
        violations.append(Violation("description", "must not have control characters"))
    if "ephemeral_expiration" in fields and _span(request.ephemeral_expiration) not in EPHEMERAL:
        violations.append(
            Violation("ephemeral_expiration", "must be 0, 24 hours, 7 days or 90 days")
        )
    if violations:
        raise invalid_fields(violations)
    return fields


def picture(data: bytes) -> bytes:
    """A picture that WhatsApp takes for a group."""
    if not data:
        raise invalid("jpeg", "is required: WhatsApp's library cannot remove a group's picture")
    if len(data) > MOST_PICTURE:
        raise invalid("jpeg", f"has {len(data)} bytes, {MOST_PICTURE} at most")
    size = jpeg.size(data)
    if size is None:
        raise invalid("jpeg", "is no JPEG picture")
    if size[0] != size[1]:
        raise invalid("jpeg", f"must be square, and is {size[0]} by {size[1]}")
    return data


def invite_code(link: str) -> str:
    """The code in an invite link."""
    text = link.strip()
    if not text:
        raise invalid("link", "is required")
    found = _LINK.fullmatch(text) if len(text) <= MOST_LINK else None
    if found is None:
        raise invalid("link", "must be like https://chat.whatsapp.com/ and a code, or the code")
    return found[1]


def _name(name: str) -> Iterator[Violation]:
    if not name.strip():
        yield Violation("name", "must not be blank")
    yield from _length(name, "name", MOST_NAME)
    if _has_controls(name):
        yield Violation("name", "must not have control characters")


def _has_controls(text: str) -> bool:
    return any(ord(character) < ord(" ") or character == "\x7f" for character in text)


def _length(value: str, path: str, most: int) -> list[Violation]:
    if len(value) <= most:
        return []
    return [Violation(path, f"has {len(value)} characters, {most} at most")]


def _people(
    names: Sequence[str], jids: list[str], *, fewest: int, most: int
) -> Iterator[Violation]:
    """Enter the JIDs of people."""
    if not fewest <= len(names) <= most:
        yield Violation("participants", f"must be {fewest} to {most}, and are {len(names)}")
        return
    seen: set[str] = set()
    for index, name in enumerate(names):
        try:
            jid = person_jid(name)
        except NoJidError as error:
            yield Violation(f"participants[{index}]", str(error))
            continue
        if jid in seen:
            yield Violation(f"participants[{index}]", "is there already")
        seen.add(jid)
        jids.append(jid)


def _span(value: Duration) -> timedelta | None:
    try:
        return value.ToTimedelta()
    except (ValueError, OverflowError):
        return None
