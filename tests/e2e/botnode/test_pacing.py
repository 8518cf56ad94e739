"""What WhatsApp's own limits do to an account, through the real library."""

import time
from collections.abc import Callable

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import message_pb2
from tests.e2e.botnode.node import Control, Node, eventually

pytestmark = pytest.mark.e2e

QUEUE = message_pb2.DELIVERY_QUEUE
QUEUED = message_pb2.MESSAGE_STATE_QUEUED
PAUSES = {
    "BOTMESH_PACING_RATE_LIMIT_PAUSE_S": "3",
    "BOTMESH_PACING_REACH_OUT_PAUSE_S": "3600",
}


def refused(node: Node, to: str) -> MeshError:
    with pytest.raises(MeshError) as caught:
        node.send(to, "now")
    return caught.value


def test_limits_of_whatsapp(make_node: Callable[..., Node], control: Control, phone: str) -> None:
    node = make_node(**PAUSES).start()
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    friend, one, two, three = (f"{phone[:-4]}{digits}" for digits in (9001, 9002, 9003, 9004))
    node.send(friend, "hola")
    control.write(friend, phone, "buenas")

    # 463: new chats are locked, others go on.
    control.fault(phone=phone, recipient=one, refuse_send=sandbox.RefuseSend(code=463))
    assert refused(node, one).reason is Reason.REACH_OUT_LOCKED
    locked = refused(node, two)
    assert locked.reason is Reason.REACH_OUT_LOCKED
    assert "message_id" not in locked.metadata  # nothing was stored
    waiting = node.send(two, "waits", delivery=QUEUE, timeout_s=30)
    assert waiting.state == QUEUED
    node.send(friend, "goes on")
    pacing = node.session().pacing
    assert pacing.new_chats_reason == "REACH_OUT_LOCKED"
    assert 3500 < pacing.new_chats_resume_time.seconds - time.time() <= 3600

    # 429: nothing goes out for a while.
    control.clear()
    control.fault(phone=phone, times=1, refuse_send=sandbox.RefuseSend(code=429))
    put_back = node.send(friend, "waits for three seconds", delivery=QUEUE, timeout_s=30)
    assert (put_back.state, put_back.reason) == (QUEUED, "RATE_LIMITED")
    limited = refused(node, friend)
    assert limited.reason is Reason.RATE_LIMITED
    assert limited.retry_after is not None
    assert limited.retry_after.total_seconds() <= 3
    assert node.session().pacing.HasField("resume_time")

    # Another process holds to the lock; a word of theirs opens it for them.
    node.terminate()
    node.start()
    node.wait_state("CONNECTED")
    eventually(lambda: not node.session().pacing.HasField("resume_time"))
    sent = node.send(friend, "all is well")
    assert sent.state >= message_pb2.MESSAGE_STATE_SENT
    assert node.get(message_id=put_back.message_id).message.state >= sent.state
    assert refused(node, three).reason is Reason.REACH_OUT_LOCKED
    control.write(two, phone, "buenas")
    assert control.inbox(two, 2)[-1].text == "waits"
