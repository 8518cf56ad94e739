"""The sandbox's things as messages of its control API."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from botmesh.sandbox.v1 import sandbox_pb2 as pb
from sandbox import protobufs
from sandbox.content import text_content
from sandbox.refusals import invalid
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.messages import Message
from sandbox.state.phones import Phone, normal
from sandbox.state.store import Store
from sandbox.unknown import UnknownThing

LINK_PREFIX: Final = "https://chat.whatsapp.com/"


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
        kind=item.kind,
        undecrypted=item.undecrypted,
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


def group(store: Store, item: Group) -> pb.Group:
    """A group."""
    settings = item.settings
    picture = store.pictures.of(item.jid)
    code = store.groups.known_code(item)
    result = pb.Group(
        group=str(item.jid),
        subject=item.subject,
        phones=[plus(number) for number in item.numbers],
        create_time=timestamp(item.made_at),
        admins=[plus(number) for number in item.numbers if number in item.roles],
        description=settings.description,
        announce=settings.announce,
        locked=settings.locked,
        approval=settings.approval,
        link=f"{LINK_PREFIX}{code}" if code else "",
        picture_id=picture.id if picture else "",
        asking=[plus(number) for number, _ in store.groups.asking(item)],
    )
    if settings.ephemeral_seconds:
        result.ephemeral.FromSeconds(settings.ephemeral_seconds)
    return result


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


def content(text: str, message: bytes) -> Any:
    """What a phone is to write: a text, or a whole message; raises RefusedError."""
    if not text and not message:
        raise invalid("text", "it must not be empty")
    if text and message:
        raise invalid("content", "it stands in place of a text: only one of them can be set")
    if text:
        return text_content(text)
    try:
        return protobufs.e2e.Message.FromString(message)
    except DecodeError as error:
        raise invalid("content", "it is no WAWebProtobufsE2E.Message") from error


def number(field: str, value: str, *, optional: bool = False) -> str:
    """The digits of a number; raises RefusedError, which names the field."""
    if optional and not value:
        return ""
    try:
        return normal(value)
    except ValueError as error:
        raise invalid(field, str(error)) from error


def plus(digits: str) -> str:
    """A number as people write it; a group's address as it is."""
    return f"+{digits}" if digits and "@" not in digits else digits
