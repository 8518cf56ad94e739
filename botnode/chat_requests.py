"""What callers of ChatService ask for, checked field by field."""

import re
from dataclasses import dataclass

from botmesh.errors import invalid
from botmesh.v1 import chat_pb2
from botnode.recipient import GROUP_SERVER, canonical_jid, canonical_person

MOST_READ = 256
# The library takes the ids as one text, with spaces between them.
_ID = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class ReadMark:
    """Messages of one sender that were read, or played."""

    whatsapp_ids: tuple[str, ...]
    chat_jid: str
    sender_jid: str
    played: bool


def read_mark(request: chat_pb2.MarkReadRequest) -> ReadMark:
    """A valid request to mark messages.

    Raises:
        MeshError: INVALID_REQUEST or RECIPIENT_INVALID, naming the field.
    """
    chat_jid = canonical_jid(request.chat_jid, field="chat_jid")
    if not 1 <= len(request.whatsapp_ids) <= MOST_READ:
        raise invalid("whatsapp_ids", f"must be 1 to {MOST_READ} ids")
    for at, whatsapp_id in enumerate(request.whatsapp_ids):
        if not _ID.fullmatch(whatsapp_id):
            raise invalid(f"whatsapp_ids[{at}]", "is no id of WhatsApp's")
    group = chat_jid.endswith(f"@{GROUP_SERVER}")
    if group and not request.sender_jid:
        raise invalid("sender_jid", "is required in a group")
    sender_jid = (
        canonical_person(request.sender_jid, field="sender_jid") if request.sender_jid else chat_jid
    )
    return ReadMark(tuple(request.whatsapp_ids), chat_jid, sender_jid, request.played)


def typing_state(request: chat_pb2.SetTypingRequest) -> chat_pb2.TypingState:
    """What to show in a chat.

    Raises:
        MeshError: INVALID_REQUEST.
    """
    if request.state not in chat_pb2.TypingState.values() or not request.state:
        raise invalid("state", "must be TYPING, RECORDING or PAUSED")
    return request.state


def available(request: chat_pb2.SetPresenceRequest) -> bool:
    """Whether to be shown as online.

    Raises:
        MeshError: INVALID_REQUEST.
    """
    if request.state not in chat_pb2.PresenceState.values() or not request.state:
        raise invalid("state", "must be AVAILABLE or UNAVAILABLE")
    return request.state == chat_pb2.PRESENCE_STATE_AVAILABLE
