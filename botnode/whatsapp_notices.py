"""What the library tells beside messages and receipts, as events of the contract."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from botmesh.v1 import event_pb2
from botnode import whatsapp_events, whatsapp_people_notices
from botnode.ports import Account

# Makes an event of the contract; None for what nobody needs to know.
Translate = Callable[[Any, Account | None], event_pb2.Event | None]


def undecryptable(event: Any, _: Account | None) -> event_pb2.Event | None:
    """A message that cannot be read (UndecryptableMessage of Neonize.proto)."""
    info = event.Info
    source = info.MessageSource
    if source.IsFromMe:
        return None
    told = event_pb2.Event()
    message = told.message_undecryptable
    message.whatsapp_id = info.ID
    message.chat_jid = whatsapp_events.person(source.Chat)
    message.sender_jid = whatsapp_events.person(source.Sender)
    message.sender_number = whatsapp_events.number(source.Sender) or whatsapp_events.number(
        source.SenderAlt
    )
    message.push_name = info.Pushname
    message.group = source.IsGroup
    message.send_time.FromDatetime(whatsapp_events.moment(info.Timestamp))
    message.unavailable = event.IsUnavailable
    return told


# The library's event (its class in neonize.events, without "Ev") -> how it is told.
NOTICES: Mapping[str, Translate] = MappingProxyType(
    {
        "UndecryptableMessage": undecryptable,
        "Presence": whatsapp_people_notices.presence,
        "ChatPresence": whatsapp_people_notices.typing,
        "Picture": whatsapp_people_notices.picture,
        "Blocklist": whatsapp_people_notices.block_list,
    }
)
