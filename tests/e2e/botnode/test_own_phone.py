"""What the tenant's own phone says of a message is no word about its recipient."""

import pytest

from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import message_pb2
from tests.e2e.botnode.node import Control, Node, eventually

pytestmark = pytest.mark.e2e


def test_a_copy_that_the_own_phone_cannot_read_is_not_the_recipients(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    fault = control.fault(undecryptable=sandbox.Undecryptable(), recipient=shared_phone, times=1)
    message = shared.send(customer, "con copia")
    control.wait_fault(fault)

    assert [m.text for m in control.inbox(customer)] == ["con copia"]
    last = shared.wait_message(message.message_id, "DELIVERED")
    # It asked again, and got it.
    eventually(lambda: "con copia" in [m.text for m in control.inbox(shared_phone)])
    found = shared.get(message_id=last.message_id)
    assert found.message.state == message_pb2.MESSAGE_STATE_DELIVERED
    assert not [step for step in found.timeline if step.undecrypted]
