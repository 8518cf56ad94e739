"""Faults as messages of the control API, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox.v1 import sandbox_pb2 as pb
from sandbox import faults
from sandbox.conversion import plus
from sandbox.refusals import invalid

_MOST_CODES: Final = 6
_FIRST_REFUSAL: Final = 400
_BEYOND_STATUS: Final = 600
_DOWNLOADS_ONLY: Final = (
    faults.Disturbance.DAMAGE,
    faults.Disturbance.LENGTHEN,
    faults.Disturbance.REDIRECT,
)
_REFUSALS: Final = {
    pb.LOGIN_REFUSAL_LOGGED_OUT: faults.Refusal.LOGGED_OUT,
    pb.LOGIN_REFUSAL_BANNED: faults.Refusal.BANNED,
    pb.LOGIN_REFUSAL_OUTDATED: faults.Refusal.OUTDATED,
    pb.LOGIN_REFUSAL_UNAVAILABLE: faults.Refusal.UNAVAILABLE,
}


def fault(item: faults.Fault) -> pb.Fault:
    """A fault as it is set."""
    result = pb.Fault(
        fault_id=item.id,
        phone=plus(item.number),
        recipient=plus(item.recipient),
        times=item.times or 0,
        acted=item.bitten,
    )
    if (duration := _duration(item.seconds)) is not None:
        result.duration.CopyFrom(duration)
    name, values = _WRITERS[type(item.behaviour)](item.behaviour)
    getattr(result, name).SetInParent()
    for key, value in values.items():
        if isinstance(value, Duration):
            getattr(getattr(result, name), key).CopyFrom(value)
        elif value is not None:
            setattr(getattr(result, name), key, value)
    return result


def behaviour(request: pb.Fault) -> faults.Behaviour:
    """What a fault does; raises RefusedError."""
    name = request.WhichOneof("behaviour")
    if name is None:
        raise invalid("fault.behaviour", "one must be set")
    return _READERS[name](getattr(request, name))


def _duration(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    result = Duration()
    result.FromNanoseconds(int(seconds * 1e9))
    return result


def _seconds(message: Any, field: str) -> float | None:
    return getattr(message, field).ToNanoseconds() / 1e9 if message.HasField(field) else None


def _refuse_login(request: pb.RefuseLogin) -> faults.RefuseLogin:
    reason = _REFUSALS.get(request.reason)
    if reason is None:
        raise invalid("fault.refuse_login.reason", "a reason must be set")
    return faults.RefuseLogin(reason, request.ban_code, request.ban_duration.seconds)


def _refuse_send(request: pb.RefuseSend) -> faults.SendError:
    if request.code <= 0:
        raise invalid("fault.refuse_send.code", "an error code such as 429 is expected")
    return faults.SendError(request.code)


def _short_qr(request: pb.ShortQr) -> faults.ShortQr:
    if not 1 <= request.codes <= _MOST_CODES:
        raise invalid("fault.short_qr.codes", f"1 to {_MOST_CODES} codes are possible")
    return faults.ShortQr(request.codes, _seconds(request, "lifetime"))


def _hold_query(request: pb.HoldQuery) -> faults.HoldQuery:
    try:
        question = faults.Question(request.kind)
    except ValueError as error:
        raise invalid("fault.hold_query.kind", "a kind must be set") from error
    return faults.HoldQuery(question, _seconds(request, "delay"))


def _cut_line(request: pb.CutLine) -> faults.CutLine:
    if request.at not in (pb.CUT_PLACE_BEFORE_DELIVERY, pb.CUT_PLACE_AFTER_DELIVERY):
        raise invalid("fault.cut_line.at", "a place must be set")
    return faults.CutLine(delivered=request.at == pb.CUT_PLACE_AFTER_DELIVERY)


def _garble(request: pb.Garble) -> faults.Garble:
    try:
        return faults.Garble(faults.Part(request.part), request.hidden)
    except ValueError as error:
        raise invalid("fault.garble.part", "a part must be set") from error


def _refuse_phone_code(request: pb.RefusePhoneCode) -> faults.RefusePhoneCode:
    if request.code <= 0:
        raise invalid("fault.refuse_phone_code.code", "an error code such as 429 is expected")
    return faults.RefusePhoneCode(request.code)


def _disturb_media(request: pb.DisturbMedia) -> faults.DisturbMedia:
    try:
        how = faults.Disturbance(request.how)
    except ValueError as error:
        raise invalid("fault.disturb_media.how", "a disturbance must be set") from error
    if how is faults.Disturbance.REFUSE and not _FIRST_REFUSAL <= request.status < _BEYOND_STATUS:
        raise invalid("fault.disturb_media.status", "a status such as 404 is expected")
    needs_bytes = how in (faults.Disturbance.SLOW, faults.Disturbance.LENGTHEN)
    if request.bytes < 0 or (needs_bytes and not request.bytes):
        raise invalid("fault.disturb_media.bytes", "a number of bytes is expected")
    transfer = faults.Transfer(request.transfer) if request.transfer else None
    if how in _DOWNLOADS_ONLY and transfer is not faults.Transfer.DOWNLOAD:
        raise invalid("fault.disturb_media.transfer", "only downloads can be disturbed so")
    delay = _seconds(request, "delay")
    return faults.DisturbMedia(how, transfer, request.status, request.bytes, delay)


def _written_media(item: faults.DisturbMedia) -> tuple[str, dict[str, Any]]:
    values = {
        "how": int(item.how),
        "transfer": int(item.transfer or 0),
        "status": item.status,
        "bytes": item.bytes,
        "delay": _duration(item.seconds),
    }
    return "disturb_media", values


def _refuse_query(request: pb.RefuseQuery) -> faults.RefuseQuery:
    if request.code <= 0:
        raise invalid("fault.refuse_query.code", "an error code such as 429 is expected")
    return faults.RefuseQuery(request.code, request.namespace)


def _written_login(item: faults.RefuseLogin) -> tuple[str, dict[str, Any]]:
    reason = next(key for key, value in _REFUSALS.items() if value is item.reason)
    duration = _duration(item.ban_seconds)
    values = {"reason": reason, "ban_code": item.ban_code, "ban_duration": duration}
    return "refuse_login", values


def _written_cut(item: faults.CutLine) -> tuple[str, dict[str, Any]]:
    before, after = pb.CUT_PLACE_BEFORE_DELIVERY, pb.CUT_PLACE_AFTER_DELIVERY
    return "cut_line", {"at": after if item.delivered else before}


_READERS: Final[dict[str, Callable[[Any], faults.Behaviour]]] = {
    "refuse_connections": lambda _: faults.RefuseConnections(),
    "refuse_login": _refuse_login,
    "refuse_send": _refuse_send,
    "hold_acknowledgement": lambda request: faults.HoldAck(_seconds(request, "delay")),
    "short_qr": _short_qr,
    "silence": lambda _: faults.Silence(),
    "half_open": lambda _: faults.HalfOpen(),
    "deaf": lambda _: faults.Deaf(),
    "refuse_activation": lambda _: faults.RefuseActivation(),
    "hold_query": _hold_query,
    "cut_line": _cut_line,
    "undecryptable": lambda _: faults.Undecryptable(),
    "garble": _garble,
    "refuse_phone_code": _refuse_phone_code,
    "require_passkey": lambda _: faults.RequirePasskey(),
    "disturb_media": _disturb_media,
    "refuse_query": _refuse_query,
}
_WRITERS: Final[dict[type, Callable[[Any], tuple[str, dict[str, Any]]]]] = {
    faults.RefuseConnections: lambda _: ("refuse_connections", {}),
    faults.RefuseLogin: _written_login,
    faults.SendError: lambda item: ("refuse_send", {"code": item.code}),
    faults.HoldAck: lambda item: ("hold_acknowledgement", {"delay": _duration(item.seconds)}),
    faults.ShortQr: lambda item: (
        "short_qr",
        {"codes": item.codes, "lifetime": _duration(item.seconds)},
    ),
    faults.Silence: lambda _: ("silence", {}),
    faults.HalfOpen: lambda _: ("half_open", {}),
    faults.Deaf: lambda _: ("deaf", {}),
    faults.RefuseActivation: lambda _: ("refuse_activation", {}),
    faults.HoldQuery: lambda item: (
        "hold_query",
        {"kind": int(item.question), "delay": _duration(item.seconds)},
    ),
    faults.CutLine: _written_cut,
    faults.Undecryptable: lambda _: ("undecryptable", {}),
    faults.Garble: lambda item: ("garble", {"part": int(item.part), "hidden": item.hidden}),
    faults.RefusePhoneCode: lambda item: ("refuse_phone_code", {"code": item.code}),
    faults.RequirePasskey: lambda _: ("require_passkey", {}),
    faults.DisturbMedia: _written_media,
    faults.RefuseQuery: lambda item: (
        "refuse_query",
        {"code": item.code, "namespace": item.namespace},
    ),
}
