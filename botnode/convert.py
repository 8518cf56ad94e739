"""The contract's messages and the botnode's own types, one into the other."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from botmesh.errors import Reason
from botmesh.v1 import bot_pb2, event_pb2, media_pb2, message_pb2, session_pb2
from botnode import content_media
from botnode.events import Cursor, Latest, Oldest, Start, StoredEvent
from botnode.identity import Identity
from botnode.media import Media
from botnode.message import OutboundMessage
from botnode.message_row import DECRYPTION_CHANGED
from botnode.message_search import Step as MessageStep
from botnode.pacer import PaceStatus
from botnode.pairing import AccountPaired, CodeShown, PasskeyAsked, Step, TryFailed
from botnode.phone_codes import PhoneCode
from botnode.ports import ReceivedMessage
from botnode.session import Session

# -- into the contract


def session_to_pb(session: Session, identity: Identity, epoch: int) -> session_pb2.Session:
    """A session with who answers for it."""
    account = session.account
    return session_pb2.Session(
        tenant_id=identity.tenant_id,
        state=f"SESSION_STATE_{session.state.value}",
        state_time=timestamp(session.state_time),
        jid=account.jid if account else "",
        lid=account.lid if account else "",
        phone_number=account.phone_number if account else "",
        reason=session.reason.value if session.reason else "",
        last_error=session.last_error,
        ban_expire_time=timestamp(session.ban_expire_time),
        instance=identity.instance,
        epoch=epoch,
        version=identity.version,
        start_time=timestamp(identity.start_time),
        storage_full=session.storage_full,
    )


def pacing_to_pb(status: PaceStatus, now_ms: int) -> session_pb2.PacingStatus:
    """How an account's pace stands."""
    pace, gate = status.pace, status.gate
    found = session_pb2.PacingStatus(
        messages_per_minute=pace.messages_per_minute,
        new_chats_per_day=pace.new_chats_per_day,
        new_chats=status.new_chats,
        new_chats_reason=gate.new_chats_reason or "",
    )
    if gate.new_chats_ms > now_ms:
        found.new_chats_resume_time.FromMilliseconds(gate.new_chats_ms)
    if gate.now_ms > now_ms:
        found.resume_time.FromMilliseconds(gate.now_ms)
    return found


def message_to_pb(message: OutboundMessage, tenant_id: str) -> message_pb2.Message:
    """A message's record."""
    return message_pb2.Message(
        message_id=message.message_id,
        tenant_id=tenant_id,
        request_id=message.request_id,
        recipient_jid=message.recipient_jid,
        whatsapp_id=message.whatsapp_id,
        state=message.state.value,  # type: ignore[arg-type]  # the numbers are the contract's
        reason=message.reason,
        content=message_pb2.MessageContent.FromString(message.content),
        create_time=timestamp(message.create_time),
        sent_time=timestamp(message.sent_time),
        delivered_time=timestamp(message.delivered_time),
        read_time=timestamp(message.read_time),
        update_time=timestamp(message.update_time),
        delivery=message.delivery.value,  # type: ignore[arg-type]  # as the state
        expire_time=timestamp(message.expire_time),
        allow_duplicate=message.allow_duplicate,
        attempts=message.attempt,
        account=message.account,
        detail=message.detail,
        undecrypted=message.undecrypted,
        delivered_count=message.delivered_count,
        read_count=message.read_count,
    )


def change_to_pb(step: MessageStep) -> message_pb2.MessageChange:
    """One event of a message's life."""
    event = event_pb2.Event.FromString(step.payload)
    record = (
        event.message_decryption_changed
        if event.HasField("message_decryption_changed")
        else event.message_state_changed
    )
    return message_pb2.MessageChange(
        create_time=timestamp(step.create_time),
        state=record.state,
        attempts=record.attempts,
        reason=record.reason,
        detail=record.detail,
        undecrypted=record.undecrypted,
        sequence=step.sequence,
    )


def received_to_pb(
    message: ReceivedMessage, own_id: Callable[[str], str]
) -> message_pb2.ReceivedMessage:
    """A message that was received; ``own_id`` gives our id for WhatsApp's of a message we sent."""
    content = None
    if message.content is not None:
        content = message_pb2.MessageContent.FromString(message.content)
        _name_originals(content, own_id)
    return message_pb2.ReceivedMessage(
        whatsapp_id=message.whatsapp_id,
        chat_jid=message.chat_jid,
        sender_jid=message.sender_jid,
        sender_number=message.sender_number,
        push_name=message.push_name,
        from_me=message.from_me,
        group=message.group,
        send_time=timestamp(message.time),
        content=content,
        undecoded_kind=message.kind if content is None else "",
        view_once=message.view_once,
        ephemeral=message.ephemeral,
        ephemeral_expiration=_duration(message.ephemeral_expiration),
    )


def _name_originals(content: message_pb2.MessageContent, own_id: Callable[[str], str]) -> None:
    about = (
        content.reaction,
        content.edit,
        content.revoke,
        content.poll_vote,
        content.quoted,
    )
    for original in [part.original for part in about if part.HasField("original")]:
        if original.from_me:
            original.message_id = own_id(original.whatsapp_id)


def media_to_pb(media: Media) -> media_pb2.StoredMedia:
    """Media as the contract has it."""
    return media_pb2.StoredMedia(
        media_id=media.media_id,
        state=media.state.value,  # type: ignore[arg-type]  # the numbers are the contract's
        content_type=media.content_type,
        size_bytes=media.size_bytes,
        sha256=media.sha256,
        stored_bytes=media.stored_bytes,
        file_name=media.file_name,
        reason=media.reason,
        detail=media.detail,
        create_time=timestamp(media.create_time),
        expire_time=timestamp(media.expire_time),
        received=media.received,
    )


def step_to_pb(step: Step, time: float) -> bot_pb2.StreamQRResponse:
    """A step of pairing; ``time`` is the event loop's, to say how long a code still lives."""
    match step:
        case CodeShown():
            code = session_pb2.QRCode(
                code=step.code, png=step.png, expire_time=timestamp(step.expire_time)
            )
            code.expires_in.CopyFrom(_left(step.dies_at, time))
            return bot_pb2.StreamQRResponse(code=code)
        case PhoneCode():
            return bot_pb2.StreamQRResponse(
                phone_code=session_pb2.PhoneCode(
                    phone_number=step.number,
                    code=step.code,
                    expire_time=timestamp(step.expire_time),
                    expires_in=_left(step.dies_at, time),
                )
            )
        case AccountPaired(account):
            return bot_pb2.StreamQRResponse(
                paired=session_pb2.Paired(
                    jid=account.jid, lid=account.lid, phone_number=account.phone_number
                )
            )
        case TryFailed(reason, message):
            return bot_pb2.StreamQRResponse(
                failed=session_pb2.PairingFailed(reason=reason.value, message=message)
            )
        case PasskeyAsked(message):
            return bot_pb2.StreamQRResponse(
                passkey_required=session_pb2.PasskeyRequired(
                    reason=Reason.PASSKEY_REQUIRED.value, message=message
                )
            )


def phone_code_to_pb(code: PhoneCode, time: float) -> bot_pb2.RequestPairingCodeResponse:
    """A phone code; ``time`` is the event loop's."""
    return bot_pb2.RequestPairingCodeResponse(
        code=code.code,
        expire_time=timestamp(code.expire_time),
        expires_in=_left(code.dies_at, time),
    )


def _left(dies_at: float, time: float) -> Duration:
    left = Duration()
    left.FromTimedelta(timedelta(seconds=max(0.0, dies_at - time)))
    return left


def stream_item(
    tenant_id: str,
) -> Callable[[StoredEvent | Cursor], bot_pb2.StreamEventsResponse]:
    """How consumers get an item of the event stream."""

    def encode(item: StoredEvent | Cursor) -> bot_pb2.StreamEventsResponse:
        if isinstance(item, Cursor):
            return bot_pb2.StreamEventsResponse(head=_cursor_to_pb(item))
        event = event_pb2.Event.FromString(item.payload)
        event.cursor.CopyFrom(_cursor_to_pb(item.cursor))
        event.tenant_id = tenant_id
        event.create_time.FromDatetime(item.create_time)
        return bot_pb2.StreamEventsResponse(event=event)

    return encode


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment as the contract has it."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _duration(value: timedelta | None) -> Duration | None:
    if value is None:
        return None
    duration = Duration()
    duration.FromTimedelta(value)
    return duration


def _cursor_to_pb(cursor: Cursor) -> event_pb2.EventCursor:
    return event_pb2.EventCursor(log_id=cursor.log_id, sequence=cursor.sequence)


# -- what the log keeps: an Event without the fields that its place gives


def session_event(identity: Identity, epoch: int) -> Callable[[Session], bytes]:
    """How a change of the session is written down."""

    def encode(session: Session) -> bytes:
        record = session_to_pb(session, identity, epoch)
        return event_pb2.Event(session_state_changed=record).SerializeToString()

    return encode


def message_event(tenant_id: str) -> Callable[[str, OutboundMessage], bytes]:
    """How a change of a message is written down, by the kind of event."""

    def encode(kind: str, message: OutboundMessage) -> bytes:
        record = message_to_pb(message, tenant_id)
        content_media.drop_thumbnails(record.content)
        if kind == DECRYPTION_CHANGED:
            return event_pb2.Event(message_decryption_changed=record).SerializeToString()
        return event_pb2.Event(message_state_changed=record).SerializeToString()

    return encode


def received_event(message: ReceivedMessage, own_id: Callable[[str], str]) -> bytes:
    """How a received message is written down; ``own_id`` as in `received_to_pb`."""
    return event_pb2.Event(message_received=received_to_pb(message, own_id)).SerializeToString()


def media_event(media: Media) -> bytes:
    """How a change of received media is written down."""
    return event_pb2.Event(media_changed=media_to_pb(media)).SerializeToString()


# -- out of the contract


def start_of(request: bot_pb2.StreamEventsRequest) -> Start:
    """Where a consumer wants to start."""
    chosen: Any = request.WhichOneof("start")
    if chosen == "after":
        return Cursor(request.after.log_id, request.after.sequence)
    return Oldest() if chosen == "oldest" else Latest()
