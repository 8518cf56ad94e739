"""Looking for received messages in the event log."""

from collections.abc import Collection

from sqlalchemy import Connection, select

from botnode.tables import events, inbound


def payload_of(
    connection: Connection,
    account: str,
    chat_jids: Collection[str],
    sender_jid: str,
    whatsapp_id: str,
) -> bytes | None:
    """The event that brought a message; None if it is not known or not kept any more."""
    query = (
        select(events.c.payload)
        .join(inbound, inbound.c.sequence == events.c.sequence)
        .where(
            inbound.c.account == account,
            inbound.c.chat_jid.in_(chat_jids),
            inbound.c.sender_jid == sender_jid,
            inbound.c.whatsapp_id == whatsapp_id,
            events.c.kind == "message_received",
        )
        .limit(1)
    )
    payload: bytes | None = connection.execute(query).scalar()
    return payload
