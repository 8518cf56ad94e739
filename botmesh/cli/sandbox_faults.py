"""What ``botmesh sandbox fault KIND`` means."""

import typer
from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox import v1 as sandbox

KINDS = (
    "refuse-connections, ban, outdated, unavailable, logged-out, send-error, hold-ack, hold-lid, "
    "hold-devices, hold-pre-keys, hold-group, hold-group-change, hold-people, hold-picture, "
    "hold-block-list, hold-privacy, refuse-query, cut-before, cut-after, undecryptable, "
    "garble-body, garble-sender-key, garble-all, garble-type, garble-content, garble-view-once, "
    "short-qr, silence, half-open, deaf, refuse-activation, refuse-phone-code, passkey, or of "
    "media: "
    "media-refuse, media-cut, media-hold, media-damage, media-slow or media-lengthen."
)
_REFUSALS = {
    "logged-out": sandbox.LoginRefusal.LOGIN_REFUSAL_LOGGED_OUT,
    "ban": sandbox.LoginRefusal.LOGIN_REFUSAL_BANNED,
    "outdated": sandbox.LoginRefusal.LOGIN_REFUSAL_OUTDATED,
    "unavailable": sandbox.LoginRefusal.LOGIN_REFUSAL_UNAVAILABLE,
}
_QUESTIONS = {
    "hold-lid": sandbox.QueryKind.QUERY_KIND_LID,
    "hold-devices": sandbox.QueryKind.QUERY_KIND_DEVICES,
    "hold-pre-keys": sandbox.QueryKind.QUERY_KIND_PRE_KEYS,
    "hold-group": sandbox.QueryKind.QUERY_KIND_GROUP,
    "hold-people": sandbox.QueryKind.QUERY_KIND_PEOPLE,
    "hold-picture": sandbox.QueryKind.QUERY_KIND_PICTURE,
    "hold-block-list": sandbox.QueryKind.QUERY_KIND_BLOCK_LIST,
    "hold-privacy": sandbox.QueryKind.QUERY_KIND_PRIVACY,
    "hold-group-change": sandbox.QueryKind.QUERY_KIND_GROUP_CHANGE,
}
_CUTS = {
    "cut-before": sandbox.CutPlace.CUT_PLACE_BEFORE_DELIVERY,
    "cut-after": sandbox.CutPlace.CUT_PLACE_AFTER_DELIVERY,
}
_MEDIA = {
    "media-refuse": sandbox.MediaDisturbance.MEDIA_DISTURBANCE_REFUSE,
    "media-cut": sandbox.MediaDisturbance.MEDIA_DISTURBANCE_CUT,
    "media-hold": sandbox.MediaDisturbance.MEDIA_DISTURBANCE_HOLD,
    "media-damage": sandbox.MediaDisturbance.MEDIA_DISTURBANCE_DAMAGE,
    "media-slow": sandbox.MediaDisturbance.MEDIA_DISTURBANCE_SLOW,
    "media-lengthen": sandbox.MediaDisturbance.MEDIA_DISTURBANCE_LENGTHEN,
}
_DOWNLOADS = ("media-damage", "media-lengthen")
_GARBLED = {
    "garble-body": sandbox.GarbledPart.GARBLED_PART_BODY,
    "garble-sender-key": sandbox.GarbledPart.GARBLED_PART_SENDER_KEY,
    "garble-all": sandbox.GarbledPart.GARBLED_PART_ALL,
    "garble-type": sandbox.GarbledPart.GARBLED_PART_TYPE,
    "garble-content": sandbox.GarbledPart.GARBLED_PART_CONTENT,
    "garble-view-once": sandbox.GarbledPart.GARBLED_PART_VIEW_ONCE,
}


def parse(kind: str, *, code: int, seconds: float, codes: int, size: int = 0) -> sandbox.Fault:
    """The fault of a kind; raises BadParameter for one that there is not."""
    span = duration(seconds) if seconds else None
    if kind in _MEDIA:
        down = sandbox.MediaTransfer.MEDIA_TRANSFER_DOWNLOAD if kind in _DOWNLOADS else None
        disturbed = sandbox.DisturbMedia(
            how=_MEDIA[kind], transfer=down, status=code, bytes=size, delay=span
        )
        return sandbox.Fault(disturb_media=disturbed)
    if kind in _REFUSALS:
        refusal = sandbox.RefuseLogin(
            reason=_REFUSALS[kind], ban_code=code, ban_duration=span, drop_connections=True
        )
        return sandbox.Fault(refuse_login=refusal)
    if kind in _QUESTIONS:
        return sandbox.Fault(hold_query=sandbox.HoldQuery(kind=_QUESTIONS[kind], delay=span))
    if kind in _GARBLED:
        return sandbox.Fault(garble=sandbox.Garble(part=_GARBLED[kind]))
    if kind in _CUTS:
        return sandbox.Fault(cut_line=sandbox.CutLine(at=_CUTS[kind]))
    others = {
        "refuse-connections": sandbox.Fault(refuse_connections=sandbox.RefuseConnections()),
        "send-error": sandbox.Fault(refuse_send=sandbox.RefuseSend(code=code)),
        "hold-ack": sandbox.Fault(hold_acknowledgement=sandbox.HoldAcknowledgement(delay=span)),
        "undecryptable": sandbox.Fault(undecryptable=sandbox.Undecryptable()),
        "short-qr": sandbox.Fault(short_qr=sandbox.ShortQr(codes=codes, lifetime=span)),
        "silence": sandbox.Fault(silence=sandbox.Silence()),
        "half-open": sandbox.Fault(half_open=sandbox.HalfOpen()),
        "deaf": sandbox.Fault(deaf=sandbox.Deaf()),
        "refuse-activation": sandbox.Fault(refuse_activation=sandbox.RefuseActivation()),
        "refuse-phone-code": sandbox.Fault(refuse_phone_code=sandbox.RefusePhoneCode(code=code)),
        "refuse-query": sandbox.Fault(refuse_query=sandbox.RefuseQuery(code=code)),
        "passkey": sandbox.Fault(require_passkey=sandbox.RequirePasskey()),
    }
    if kind not in others:
        raise typer.BadParameter(f"there is no fault {kind!r}; there are {KINDS}")
    return others[kind]


def duration(seconds: float) -> Duration:
    """Seconds as the contract has them."""
    span = Duration()
    span.FromNanoseconds(int(seconds * 1e9))
    return span
