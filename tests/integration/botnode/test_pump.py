"""The pump hands over one message at a time, whoever begins with it."""

import asyncio

from botmesh.v1 import message_pb2
from botnode.message import OutboundMessage
from botnode.message_row import find
from botnode.outbox import SendCommand, new_message
from botnode.states import MessageState
from botnode.store import Transaction
from tests.integration.botnode.conftest import Node, eventually

TO = "5215587654321@s.whatsapp.net"


def message(text: str) -> OutboundMessage:
    """A message that is not accepted yet."""
    content = message_pb2.MessageContent(text=message_pb2.TextContent(body=text))
    command = SendCommand(text, TO, content.SerializeToString(), b"\0" * 32)
    return new_message(command, "+5215512345678")


async def test_nothing_begins_before_what_was_begun_is_taken(node: Node) -> None:
    """The pump comes to what was begun with its acceptance a moment after other senders."""
    tenant, pump = node.tenant, node.tenant.outbox.pump
    rows = tenant.outbox._rows
    await eventually(lambda: pump._resting)
    (task,) = [task for task in tenant._tasks if task.get_name() == "pump"]
    task.cancel()
    await asyncio.wait({task})
    texts = ["one", "two", "three"]
    states = []
    for one in map(message, texts):

        def accept(tx: Transaction, one: OutboundMessage = one) -> OutboundMessage:
            rows.insert(tx, one)
            return one

        await pump.accept(accept)
        found = await tenant._store.read(lambda c, one=one: find(c, one.message_id))
        states.append(found.state)
    assert states == [MessageState.SENDING, MessageState.QUEUED, MessageState.QUEUED]
    tenant._spawn(pump.run(), "pump")
    await eventually(lambda: len(node.whatsapp.sent) == len(texts))
    assert [text for _, text in node.whatsapp.sent] == texts
