"""What the library tells beside messages and receipts, as events of the contract."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from botmesh.v1 import event_pb2
from botnode import whatsapp_people_notices
from botnode.ports import Account

# Makes an event of the contract; None for what nobody needs to know.
Translate = Callable[[Any, Account | None], event_pb2.Event | None]


# The library's event (its class in neonize.events, without "Ev") -> how it is told.
NOTICES: Mapping[str, Translate] = MappingProxyType(
    {
        "Presence": whatsapp_people_notices.presence,
        "ChatPresence": whatsapp_people_notices.typing,
        "Picture": whatsapp_people_notices.picture,
        "Blocklist": whatsapp_people_notices.block_list,
    }
)
