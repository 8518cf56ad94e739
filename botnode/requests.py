"""What callers ask for, checked field by field."""

import base64
import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from botmesh.errors import invalid
from botmesh.v1 import bot_pb2, message_pb2
from botnode import content_media, content_rules, originals
from botnode.message import Delivery
from botnode.message_search import Filter, Place
from botnode.outbox import SendCommand
from botnode.phone_number import NumberError, e164
from botnode.recipient import canonical_jid
from botnode.states import MessageState

SHORTEST = timedelta(seconds=1)
# A request_id is remembered that long, and must not be forgotten before its message's end.
LONGEST = timedelta(days=7)
USUAL_PAGE = 50
LARGEST_PAGE = 500
MOST_ID = 128
MOST_TOKEN = 512


def send_command(request: bot_pb2.SendMessageRequest, request_id: str) -> SendCommand:
    """A valid request to send.

    Raises:
        MeshError: INVALID_REQUEST or RECIPIENT_INVALID, naming the field.
    """
    recipient = canonical_jid(request.to)
    checked = content_rules.checked(request.content, recipient)
    media = content_media.take(checked)
    content = checked.SerializeToString(deterministic=True)
    delivery = _delivery(request.delivery)
    expires_in = _expires_in(request.expires_in) if request.HasField("expires_in") else None
    return SendCommand(
        request_id=request_id,
        recipient_jid=recipient,
        content=content,
        content_hash=_content_hash(request, content, recipient),
        delivery=delivery,
        expires_in=expires_in,
        allow_duplicate=request.allow_duplicate,
        complete=originals.completion(checked, recipient),
        media=media,
    )


def pairing_number(request: bot_pb2.RequestPairingCodeRequest) -> str:
    """The number to link, in E.164 form.

    Raises:
        MeshError: INVALID_REQUEST, naming the field.
    """
    if not request.phone_number.strip():
        raise invalid("phone_number", "is required")
    try:
        return e164(request.phone_number)
    except NumberError as error:
        raise invalid("phone_number", str(error)) from None


def _delivery(value: int) -> Delivery:
    if value == message_pb2.DELIVERY_UNSPECIFIED:
        return Delivery.NOW
    try:
        return Delivery(value)
    except ValueError:
        raise invalid("delivery", f"{value} is none that this version knows") from None


def _expires_in(value: Duration) -> timedelta:
    try:
        wanted = value.ToTimedelta()
    except (ValueError, OverflowError):
        raise invalid("expires_in", "is no valid duration") from None
    if not SHORTEST <= wanted <= LONGEST:
        raise invalid("expires_in", "must be from 1 second to 7 days")
    return wanted


def _content_hash(request: bot_pb2.SendMessageRequest, content: bytes, recipient_jid: str) -> bytes:
    """What a request_id is bound to: SHA-256 of content, recipient and options."""
    digest = hashlib.sha256(recipient_jid.encode())
    digest.update(b"\0")
    digest.update(content)
    options = bot_pb2.SendMessageRequest(allow_duplicate=request.allow_duplicate)
    if request.delivery != message_pb2.DELIVERY_NOW:  # the same as none
        options.delivery = request.delivery
    if request.HasField("expires_in"):
        options.expires_in.CopyFrom(request.expires_in)
    digest.update(options.SerializeToString(deterministic=True))
    return digest.digest()


def key(request: bot_pb2.GetMessageRequest) -> dict[str, str]:
    """Which message is wanted, as arguments of `Outbox.get`."""
    chosen: Any = request.WhichOneof("key")
    if chosen is None:
        raise invalid("message_id", "one of message_id and request_id is required")
    wanted_id = checked_id(getattr(request, chosen), chosen)
    return {chosen: canonical_request_id(wanted_id) if chosen == "request_id" else wanted_id}


def canonical_request_id(request_id: str) -> str:
    """A UUID in its usual spelling; anything else as it is."""
    try:
        return str(uuid.UUID(request_id))
    except ValueError:
        return request_id


def checked_id(value: str, field: str) -> str:
    """An id that can be looked for."""
    if not value:
        raise invalid(field, "is required")
    if len(value) > MOST_ID:
        raise invalid(field, f"is longer than {MOST_ID} characters")
    return value


def wanted(request: bot_pb2.ListMessagesRequest) -> Filter:
    """Which messages to list."""
    return Filter(
        states=frozenset(_state(state) for state in request.states),
        recipient_jid=canonical_jid(request.to) if request.to else "",
        create_from=_moment(request, "create_time_from"),
        create_before=_moment(request, "create_time_before"),
    )


def _state(value: int) -> MessageState:
    try:
        return MessageState(value)
    except ValueError:
        raise invalid("states", f"{value} is none that this version knows") from None


def _moment(request: bot_pb2.ListMessagesRequest, field: str) -> datetime | None:
    if not request.HasField(field):
        return None
    value: Timestamp = getattr(request, field)
    try:
        return value.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise invalid(field, "is no valid time") from None


def page_size(request: bot_pb2.ListMessagesRequest) -> int:
    """How many messages a page has."""
    if request.page_size < 0:
        raise invalid("page_size", "must not be negative")
    return min(request.page_size or USUAL_PAGE, LARGEST_PAGE)


def page_token(request: bot_pb2.ListMessagesRequest, end: Place | None) -> str:
    """A token for the page after a place; empty if there is none."""
    if end is None:
        return ""
    text = json.dumps([end.create_ms, end.message_id, _filter_hash(request)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def place(request: bot_pb2.ListMessagesRequest) -> Place | None:
    """Where the wanted page starts."""
    if not request.page_token:
        return None
    if len(request.page_token) > MOST_TOKEN:
        raise invalid("page_token", "is none of this service's")
    try:
        text = base64.b64decode(request.page_token, altchars=b"-_", validate=True)
        create_ms, message_id, filter_hash = json.loads(text)
        found = Place(_milliseconds(create_ms), str(message_id))
    except (ValueError, TypeError, RecursionError):
        raise invalid("page_token", "is none of this service's") from None
    if filter_hash != _filter_hash(request):
        raise invalid("page_token", "is of a list with other filters")
    return found


def _milliseconds(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 2**53:
        raise ValueError(value)
    return value


def _filter_hash(request: bot_pb2.ListMessagesRequest) -> str:
    filters = bot_pb2.ListMessagesRequest()
    filters.CopyFrom(request)
    filters.ClearField("page_size")
    filters.ClearField("page_token")
    return hashlib.sha256(filters.SerializeToString(deterministic=True)).hexdigest()[:16]
