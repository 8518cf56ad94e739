"""The messages that a content refers to, looked up as the content is accepted."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from botmesh.errors import Violation, invalid, invalid_fields
from botmesh.v1 import event_pb2, message_pb2
from botnode.clock import now
from botnode.content_rules import QUOTING
from botnode.inbound_search import payload_of
from botnode.message import OutboundMessage
from botnode.message_row import find, find_whatsapp_id
from botnode.states import MessageState

# How long a text can be edited (whatsmeow's EditWindow).
EDIT_WINDOW = timedelta(minutes=20)
# Kinds that are no messages of their own on a phone.
ABOUT_OTHERS = frozenset({"reaction", "edit", "revoke"})

# A content as it is stored: with what the outbox knows of the message that it refers to.
Complete = Callable[[Connection, str], bytes]


def completion(content: message_pb2.MessageContent, recipient_jid: str) -> Complete | None:
    """How a checked content is completed; None if it refers to no message.

    The call takes the account's number and raises MeshError: INVALID_REQUEST, naming the field, if
    the outbox knows that the content cannot be.
    """
    kind: Any = content.WhichOneof("kind")
    if kind not in ABOUT_OTHERS and not content.HasField("quoted"):
        return None

    def complete(connection: Connection, account: str) -> bytes:
        result = message_pb2.MessageContent()
        result.CopyFrom(content)
        if kind in ABOUT_OTHERS:
            original, path = getattr(result, kind).original, f"content.{kind}.original"
        else:
            original, path = result.quoted.original, "content.quoted.original"
        known = _known(connection, original, path, account, recipient_jid)
        if known is not None:
            about = message_pb2.MessageContent.FromString(known.content)
            if problems := list(_problems(known, about, kind, path)):
                raise invalid_fields(problems)
            original.whatsapp_id, original.from_me = known.whatsapp_id, True
            _quote(result, about)
        elif result.HasField("quoted"):
            _quote(result, _received(connection, original, account, recipient_jid))
        return result.SerializeToString(deterministic=True)

    return complete


def _known(
    connection: Connection,
    original: message_pb2.MessageReference,
    path: str,
    account: str,
    recipient_jid: str,
) -> OutboundMessage | None:
    """The outbox's message that is referred to; None for one that it need not know."""
    if not original.message_id:
        known = find_whatsapp_id(connection, original.whatsapp_id) if original.from_me else None
        return known if known is not None and known.account == account else None
    known = find(connection, original.message_id)
    path = f"{path}.message_id"
    if known is None:
        raise invalid(path, "is no message of this tenant")
    if known.account != account:
        raise invalid(path, "was sent by another account than the tenant has now")
    if known.recipient_jid != recipient_jid:
        raise invalid(path, "was sent to another recipient")
    if not known.whatsapp_id or known.state is MessageState.FAILED:
        raise invalid(path, f"was not sent: it is {known.state.name}")
    return known


def _problems(
    known: OutboundMessage, about: message_pb2.MessageContent, kind: str, path: str
) -> Iterator[Violation]:
    about_kind: Any = about.WhichOneof("kind")
    if about_kind in ABOUT_OTHERS:
        yield Violation(path, f"is of kind {about_kind}: refer to the message that it is about")
    elif kind == "edit" and about_kind != "text":
        yield Violation(path, f"is of kind {about_kind}, and only a text can be edited")
    elif kind not in ABOUT_OTHERS and about_kind not in QUOTING:
        yield Violation(path, f"is of kind {about_kind}, which cannot be quoted")
    if kind == "edit" and now() - (known.sent_time or known.create_time) > EDIT_WINDOW:
        minutes = EDIT_WINDOW.seconds // 60
        yield Violation(path, f"was sent more than {minutes} minutes ago: too late to edit it")


def _received(
    connection: Connection,
    original: message_pb2.MessageReference,
    account: str,
    recipient_jid: str,
) -> message_pb2.MessageContent:
    """What a received message says; empty if it is not known."""
    chats = (recipient_jid, original.sender_jid)  # a person's chat has the person's JID
    payload = payload_of(connection, account, chats, original.sender_jid, original.whatsapp_id)
    return event_pb2.Event.FromString(payload or b"").message_received.content


def _quote(reply: message_pb2.MessageContent, about: message_pb2.MessageContent) -> None:
    """Fill in what a reply quotes, without what surrounds it, unless the caller gave it."""
    kind: Any = about.WhichOneof("kind")
    if reply.HasField("quoted") and not reply.quoted.HasField("content") and kind in QUOTING:
        getattr(reply.quoted.content, kind).CopyFrom(getattr(about, kind))
