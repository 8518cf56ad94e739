"""neonize's protobuf events in the botnode's own words."""

import re
import traceback
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import structlog

from botmesh.v1 import message_pb2
from botnode import (
    disk_errors,
    whatsapp_decoding,
    whatsapp_media_decoding,
    whatsapp_secrets,
)
from botnode.ports import (
    Account,
    CaughtUp,
    ClientOutdated,
    ConnectFailure,
    Disconnected,
    DiskFailure,
    Doubtful,
    KeepAliveRestored,
    KeepAliveTimeout,
    LoggedOut,
    PairingEnded,
    Receipt,
    ReceiptKind,
    ReceivedMessage,
    Signal,
    StoreFailure,
    StreamReplaced,
    TemporaryBan,
    Unheard,
)
from botnode.whatsapp_decoding import Envelope
from botnode.whatsapp_secrets import FindOriginals, People

log = structlog.get_logger(__name__)

USER_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"

# Errors in the library's database that no waiting heals (SQLite's texts).
_STORE_ERRORS = re.compile(
    r"database disk image is malformed|file is not a database", re.IGNORECASE
)

# Receipt.ReceiptType of Neonize.proto.
_RECEIPT_KINDS = {
    1: ReceiptKind.DELIVERED,
    2: ReceiptKind.SENDER,
    3: ReceiptKind.RETRY,
    4: ReceiptKind.READ,
    6: ReceiptKind.READ,  # played: voice notes and videos
}

_SKIPPED = re.compile(r"^Failed to encrypt (\S+) for (\S+): ")

# whatsmeow reports the login as Connected all the same (handleConnectSuccess in its
# connectionevents.go), and WhatsApp brings such a session nothing.
_NOT_ACTIVE = re.compile(r"^Failed to send post-connect passive IQ: (.*)", re.DOTALL)
# Logged every 30 seconds in which the library is about one and the same stanza (its client.go).
_STANDING_STILL = re.compile(
    r"^Node handling is taking long for (?:.*\(started (\S+) ago\))?", re.DOTALL
)
# Go's durations: "1m30.0004s".
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_UNIT_S = MappingProxyType({"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001})

# whatsmeow logs these before it hands out the event; neonize cannot encode all of the events (an
# unknown ban code, or an event without fields), and then the log is all there is.
_LOG_SIGNALS = (
    (re.compile(r"^Got replaced stream error"), lambda _: StreamReplaced()),
    (re.compile(r"^Client outdated \(405\)"), lambda _: ClientOutdated()),
    (re.compile(r"^Temporary ban connect failure: (.*)", re.DOTALL), lambda m: _ban_of_log(m[1])),
    # A passkey is asked for in a form that the library does not know; where it knows the form,
    # the event comes through (pair-passkey.go).
    (re.compile(r"^Failed to fetch passkey options: "), lambda _: PairingEnded("passkey-request")),
    (_NOT_ACTIVE, lambda m: Unheard(f"WhatsApp does not bring this session its messages: {m[1]}")),
    (
        _STANDING_STILL,
        lambda m: Doubtful("the library has not got on for half a minute", _duration_s(m[1] or "")),
    ),
    # The event waits behind others that are being handled; this does not.
    (re.compile(r"^Keepalive timed out|^Failed to send keepalive"), lambda _: KeepAliveTimeout()),
    # A code was typed into the phone, and the keys could not be agreed on (pair-code.go). Codes of
    # an earlier round do no harm.
    (
        re.compile(
            r"^Failed to handle code pair notification: "
            r"(?!received code pair notification without|pairing ref mismatch)(.*)",
            re.DOTALL,
        ),
        lambda m: PairingEnded(f"the code that was typed into the phone did not link it: {m[1]}"),
    ),
)


def _duration_s(text: str) -> float:
    """Seconds of a duration as Go writes it; 0 of what is none."""
    return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION.findall(text))


def account_of(device: Any) -> Account | None:
    """The account in a neonize Device, if there is one."""
    if device is None or not device.HasField("JID") or not device.JID.User:
        return None
    lid = person(device.LID) if device.HasField("LID") and device.LID.User else ""
    return Account(jid_text(device.JID), lid)


def jid_text(jid: Any) -> str:
    """A JID as text; the agent part, which only Go needs, is left out."""
    device = f":{jid.Device}" if jid.Device else ""
    return f"{jid.User}{device}@{jid.Server}" if jid.User else str(jid.Server)


def person(jid: Any) -> str:
    """A JID as text without its device number."""
    return f"{jid.User}@{jid.Server}" if jid.User else str(jid.Server)


def moment(value: int) -> datetime:
    """A time of the library's; some of its fields are seconds, some milliseconds."""
    return datetime.fromtimestamp(value / 1000 if value > 10**11 else value, UTC)


def logged_out(event: Any) -> LoggedOut:
    """The event of that name."""
    return LoggedOut(f"WhatsApp unlinked the device ({_reason(event)})")


def temporary_ban(event: Any) -> TemporaryBan:
    """The event of that name."""
    code = event.TempBanReason.Name(event.Code).lower().replace("_", " ")
    return TemporaryBan(
        f"WhatsApp banned the account: {code}",
        timedelta(seconds=event.Expire) if event.Expire > 0 else None,
    )


def connect_failure(event: Any) -> ConnectFailure:
    """The event of that name."""
    return ConnectFailure(f"WhatsApp refused the login ({_reason(event)}) {event.Message}".strip())


def simple_signal(name: str) -> Signal | None:
    """The signal of an event without content."""
    signals: dict[str, Signal] = {
        "Disconnected": Disconnected(),
        "KeepAliveRestored": KeepAliveRestored(),
        "StreamReplaced": StreamReplaced(),
        "ClientOutdated": ClientOutdated(),
        "OfflineSyncCompleted": CaughtUp(),
    }
    return signals.get(name)


def signal_of_log(text: str) -> Signal | None:
    """The signal that a line of whatsmeow's log stands for, if any."""
    for pattern, make in _LOG_SIGNALS:
        if found := pattern.match(text):
            return make(found)
    return disk_failure(text)


def is_untraceable(text: str) -> bool:
    """Whether a line of whatsmeow's log says that a message goes out without its secret stored."""
    return text.startswith("Failed to store message secret key for outgoing message")


def is_login(text: str) -> bool:
    """Whether a line of whatsmeow's log is the first of a login, before anything goes out in it."""
    return text == "Successfully authenticated"


def skipped_device(text: str) -> tuple[str, str] | None:
    """The message and the device that a line of whatsmeow's log says it was not encrypted for.

    whatsmeow sends the message to the other devices (encryptMessageForDevices in its send.go), even
    if there is none: a server acknowledges that too.

    Returns:
        WhatsApp's id of the message and the device's JID.
    """
    found = _SKIPPED.match(text)
    return (found[1], found[2]) if found else None


def signal_of_error(text: str) -> StoreFailure | None:
    """The failure of the library's database that an error of connect() stands for, if any."""
    return StoreFailure(text) if _STORE_ERRORS.search(text) else None


def disk_failure(text: str) -> DiskFailure | None:
    """The failure of the disk that an error of the library's stands for, if any."""
    trouble = disk_errors.of_text(text)
    return None if trouble is None else DiskFailure(trouble)


def receipts(event: Any) -> Receipt | None:
    """A receipt for messages of ours; None for a kind that says nothing about them."""
    kind = _RECEIPT_KINDS.get(int(event.Type))
    if kind is None or not event.MessageIDs:
        return None
    source = event.MessageSource
    to_itself = source.Chat.User == source.Sender.User
    if kind is ReceiptKind.RETRY and source.IsFromMe and not to_itself:
        return None  # our own phone, about its copy
    other = source.SenderAlt
    return Receipt(
        kind=kind,
        whatsapp_ids=tuple(event.MessageIDs),
        chat_jid=person(source.Chat),
        sender_jid=person(source.Sender),
        time=moment(event.Timestamp),
        other_jid=person(other) if other.User else "",
    )


def received(
    event: Any, account: Account | None, find: FindOriginals = lambda _: ()
) -> ReceivedMessage | None:
    """A message; None for what is no message to people (keys, receipts of other devices...).

    Args:
        event: the library's.
        account: the own one.
        find: gives the originals of messages that are about others.
    """
    info, unwrapped = event.Info, whatsapp_decoding.unwrap(event.Message)
    source, message = info.MessageSource, unwrapped.message
    kind = whatsapp_decoding.kind_of(message)
    if not kind or (kind == "protocolMessage" and not whatsapp_decoding.is_message(message)):
        return None
    sender = person(source.Sender)
    envelope = Envelope(sender, source.IsFromMe, source.IsGroup, account)
    content = _content(message, kind, envelope, _people(source, account), find)
    media = whatsapp_media_decoding.take(message, content)
    expiration_s = whatsapp_decoding.expiration_s(message)
    return ReceivedMessage(
        whatsapp_id=info.ID,
        chat_jid=person(source.Chat),
        sender_jid=sender,
        sender_number=number(source.Sender) or number(source.SenderAlt),
        push_name=text(info.Pushname),
        from_me=source.IsFromMe,
        group=source.IsGroup,
        time=moment(info.Timestamp),
        kind=kind,
        content=None if content is None else content.SerializeToString(deterministic=True),
        view_once=event.IsViewOnce
        or event.IsViewOnceV2
        or event.IsViewOnceV2Extension
        or unwrapped.view_once
        or whatsapp_decoding.is_view_once(message, kind),
        ephemeral=event.IsEphemeral or unwrapped.ephemeral or expiration_s > 0,
        ephemeral_expiration=timedelta(seconds=expiration_s) if expiration_s else None,
        secret=bytes(message.messageContextInfo.messageSecret),
        media=media,
    )


def _content(
    message: Any, kind: str, envelope: Envelope, people: People, find: FindOriginals
) -> message_pb2.MessageContent | None:
    """What a message says; None if that cannot be told.

    WhatsApp has been told that it arrived: whatever is odd about it, that it came is kept.
    """
    try:
        if not whatsapp_secrets.is_sealed(message, kind):
            return whatsapp_decoding.decode(message, envelope)
        opened = whatsapp_secrets.unseal(message, kind, people, find)
        if opened is None:
            log.warning("message_still_encrypted", kind=kind)
            return None
        return whatsapp_decoding.decode_opened(opened, kind, envelope)
    except Exception as error:  # noqa: BLE001 - of whatever sort, a sender made it
        # Without its text, which may be the message's.
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{where.name}:{where.lineno}"
        log.warning("message_not_decoded", kind=kind, error=type(error).__name__, place=place)
        return None


def _people(source: Any, account: Account | None) -> People:
    senders = [person(jid) for jid in (source.Sender, source.SenderAlt) if jid.User]
    if source.IsFromMe and account is not None:
        senders += [account.lid, f"{account.user}@{USER_SERVER}"]
    return People(tuple(dict.fromkeys(filter(None, senders))), person(source.Chat), account)


def text(value: str | bytes) -> str:
    """A string of the library's; where it is no UTF-8, protobuf gives its bytes."""
    return value if isinstance(value, str) else value.decode(errors="replace")


def number(jid: Any) -> str:
    """The number in a JID, in E.164 form; empty for a JID without one."""
    return f"+{jid.User}" if jid.Server == USER_SERVER and jid.User.isdigit() else ""


def _reason(event: Any) -> str:
    names = event.DESCRIPTOR.fields_by_name["Reason"].enum_type.values_by_number
    return str(names[event.Reason].name.lower().replace("_", " "))


def _ban_of_log(text: str) -> TemporaryBan:
    code = re.search(r'code="(\d+)"', text)
    expire = re.search(r'expire="(\d+)"', text)
    seconds = int(expire[1]) if expire else 0
    return TemporaryBan(
        f"WhatsApp banned the account: code {code[1] if code else 'unknown'}",
        timedelta(seconds=seconds) if seconds > 0 else None,
    )
