"""A message that the tenant sends, as it stands in the outbox."""

from dataclasses import dataclass
from datetime import datetime

from botnode.states import MessageState


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One accepted message.

    Attributes:
        message_id: ours, a UUID.
        content: as it was accepted; opaque here, see `convert`.
        content_hash: SHA-256 of the content and the canonical recipient.
        reason: of the table of reasons, when FAILED or UNKNOWN, else empty.
        detail: the library's own words for it.
        account: the account's number that it was accepted for.
        attempt: how often it was handed to the library.
    """

    message_id: str
    request_id: str
    recipient_jid: str
    content: bytes
    content_hash: bytes
    account: str
    state: MessageState
    attempt: int
    whatsapp_id: str
    reason: str
    detail: str
    create_time: datetime
    update_time: datetime
    sent_time: datetime | None
    delivered_time: datetime | None
    read_time: datetime | None

    @property
    def is_settled(self) -> bool:
        """Whether a sender has its answer: nothing is on its way any more."""
        return self.state >= MessageState.UNKNOWN
