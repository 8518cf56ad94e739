"""A message that the tenant sends, as it stands in the outbox."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from botnode.states import MessageState


class Delivery(IntEnum):
    """What happens while the session is down; the values are those of the contract."""

    NOW = 1
    QUEUE = 2


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One accepted message.

    Attributes:
        message_id: ours, a UUID.
        content: as it was accepted; opaque here, see `convert`.
        content_hash: SHA-256 of the content, the canonical recipient and the options.
        reason: of the table of reasons; always there when FAILED or UNKNOWN.
        detail: the library's own words for it.
        account: the account's number that it was accepted for.
        attempt: how often it was handed to the library.
        not_before: when it waits for a new attempt, not before that time.
        undecrypted: a device of the recipient said that it cannot decrypt it.
        media_id: of the media that goes out with it; empty without any.
        media_kind: as what that goes out: a kind of content.
        media_pending: WhatsApp has to get the media first.
        duplicated: it was begun once more although an earlier attempt may have arrived.
        earlier_whatsapp_id: of the attempt before, if that may have arrived.
        delivered_count: in a group, how many people have it.
        read_count: in a group, how many people have read it.
    """

    message_id: str
    request_id: str
    recipient_jid: str
    content: bytes
    content_hash: bytes
    account: str
    state: MessageState
    create_time: datetime
    update_time: datetime
    expire_time: datetime
    delivery: Delivery = Delivery.NOW
    allow_duplicate: bool = False
    attempt: int = 0
    whatsapp_id: str = ""
    reason: str = ""
    detail: str = ""
    not_before: datetime | None = None
    undecrypted: bool = False
    duplicated: bool = False
    sent_time: datetime | None = None
    delivered_time: datetime | None = None
    read_time: datetime | None = None
    earlier_whatsapp_id: str = ""
    delivered_count: int = 0
    read_count: int = 0
    media_id: str = ""
    media_kind: str = ""
    media_pending: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether a sender has its answer: nothing is on its way any more."""
        return self.state >= MessageState.UNKNOWN
