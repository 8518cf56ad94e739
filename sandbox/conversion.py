"""The sandbox's things as messages of its control API, and faults back."""

from __future__ import annotations

from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from botmesh.sandbox.v1 import sandbox_pb2 as pb
from sandbox import faults
from sandbox.refusals import invalid
from sandbox.state.devices import Device
from sandbox.state.messages import Message
from sandbox.state.phones import Phone, normal
from sandbox.state.store import Store
from sandbox.unknown import UnknownThing

_MOST_CODES: Final = 6
_REFUSALS: Final = {
    pb.LOGIN_REFUSAL_LOGGED_OUT: faults.Refusal.LOGGED_OUT,
    pb.LOGIN_REFUSAL_BANNED: faults.Refusal.BANNED,
    pb.LOGIN_REFUSAL_OUTDATED: faults.Refusal.OUTDATED,
    pb.LOGIN_REFUSAL_UNAVAILABLE: faults.Refusal.UNAVAILABLE,
}


def timestamp(seconds: float) -> Timestamp:
    """Unix seconds as a timestamp."""
    result = Timestamp()
    result.FromNanoseconds(int(seconds * 1_000_000) * 1000)
    return result


def message(item: Message) -> pb.Message:
    """A message in a chat."""
    result = pb.Message(
        sequence=item.sequence,
        phone=plus(item.number),
        direction=pb.Direction.Name(int(item.direction)),
        message_id=item.id,
        sender=plus(item.sender),
        sender_device=item.sender_device,
        chat=plus(item.chat),
        text=item.text,
        content=item.content,
        time=timestamp(item.at),
        delivery=item.delivery,
        arrivals=item.arrivals,
    )
    if item.delivered_at is not None:
        result.delivery_time.CopyFrom(timestamp(item.delivered_at))
    if item.read_at is not None:
        result.read_time.CopyFrom(timestamp(item.read_at))
    return result


def phone(store: Store, item: Phone) -> pb.Phone:
    """A phone."""
    return pb.Phone(
        number=plus(item.number),
        lid=str(item.lid_jid),
        push_name=item.push_name,
        online=item.online,
        receipts=item.receipts,
        on_whatsapp=item.on_whatsapp,
        waiting=store.queue.count(item.number, 0),
        devices=len(store.devices.of(item.number)),
    )


def device(store: Store, item: Device, since: float | None) -> pb.Device:
    """A linked device; ``since`` when it is connected, in Unix seconds."""
    result = pb.Device(
        jid=str(item.jid),
        lid=str(item.lid_jid),
        phone=plus(item.number),
        device=item.device,
        connected=since is not None,
        pair_time=timestamp(item.paired_at),
        logins=item.logins,
        sent_messages=item.sent,
        received_messages=item.received,
        waiting=store.queue.count(item.number, item.device),
        pre_keys=store.devices.pre_key_count(item),
    )
    if since is not None:
        result.connected_since.CopyFrom(timestamp(since))
    if item.last_login:
        result.login_time.CopyFrom(timestamp(item.last_login))
    return result


def unknown(item: UnknownThing) -> pb.Unknown:
    """Something that was not understood."""
    return pb.Unknown(
        kind=pb.UnknownKind.Name(int(item.kind)),
        sender=item.sender,
        text=item.text,
        time=timestamp(item.at),
    )


def fault(item: faults.Fault) -> pb.Fault:
    """A fault as it is set."""
    result = pb.Fault(
        fault_id=item.id,
        phone=plus(item.number),
        recipient=plus(item.recipient),
        times=item.times or 0,
        acted=item.bitten,
    )
    if item.seconds is not None:
        result.duration.FromNanoseconds(int(item.seconds * 1e9))
    match item.behaviour:
        case faults.RefuseConnections():
            result.refuse_connections.SetInParent()
        case faults.RefuseLogin(reason, code, seconds):
            result.refuse_login.reason = next(
                key for key, value in _REFUSALS.items() if value is reason
            )
            result.refuse_login.ban_code = code
            result.refuse_login.ban_duration.FromSeconds(seconds)
        case faults.SendError(code):
            result.refuse_send.code = code
        case faults.HoldAck(delay):
            result.hold_acknowledgement.SetInParent()
            if delay is not None:
                result.hold_acknowledgement.delay.FromNanoseconds(int(delay * 1e9))
        case faults.ShortQr(codes, lifetime):
            result.short_qr.codes = codes
            if lifetime is not None:
                result.short_qr.lifetime.FromNanoseconds(int(lifetime * 1e9))
        case faults.Silence():
            result.silence.SetInParent()
    return result


def behaviour(request: pb.Fault) -> faults.Behaviour:
    """What a fault does; raises RefusedError."""
    match request.WhichOneof("behaviour"):
        case "refuse_connections":
            return faults.RefuseConnections()
        case "refuse_login":
            return _refuse_login(request.refuse_login)
        case "refuse_send":
            if request.refuse_send.code <= 0:
                raise invalid("fault.refuse_send.code", "an error code such as 429 is expected")
            return faults.SendError(request.refuse_send.code)
        case "hold_acknowledgement":
            hold = request.hold_acknowledgement
            delay = hold.delay.ToNanoseconds() / 1e9 if hold.HasField("delay") else None
            return faults.HoldAck(delay)
        case "short_qr":
            return _short_qr(request.short_qr)
        case "silence":
            return faults.Silence()
        case _:
            raise invalid("fault.behaviour", "one must be set")


def number(field: str, value: str, *, optional: bool = False) -> str:
    """The digits of a number; raises RefusedError, which names the field."""
    if optional and not value:
        return ""
    try:
        return normal(value)
    except ValueError as error:
        raise invalid(field, str(error)) from error


def plus(digits: str) -> str:
    """A number as people write it."""
    return f"+{digits}" if digits else ""


def _refuse_login(request: pb.RefuseLogin) -> faults.RefuseLogin:
    reason = _REFUSALS.get(request.reason)
    if reason is None:
        raise invalid("fault.refuse_login.reason", "a reason must be set")
    return faults.RefuseLogin(reason, request.ban_code, request.ban_duration.seconds)


def _short_qr(request: pb.ShortQr) -> faults.ShortQr:
    if not 1 <= request.codes <= _MOST_CODES:
        raise invalid("fault.short_qr.codes", f"1 to {_MOST_CODES} codes are possible")
    lifetime = request.lifetime.ToNanoseconds() / 1e9 if request.HasField("lifetime") else None
    return faults.ShortQr(request.codes, lifetime)
