"""Cases that take half a minute, because the library's own clocks rule them.

Each is a generator: what comes before its yield is done before any other test runs, the rest beside
the other tests.
"""

import threading
import uuid
from collections.abc import Iterator

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import message_pb2
from tests.e2e.botnode.node import Control, Node, error_of, eventually


def silence(node: Node, control: Control) -> Iterator[None]:
    """A half-open line: nothing tells of it but a keep-alive that nobody answers."""
    phone, customer = "+5215512000001", "+5215598000001"
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    yield
    control.fault(silence=sandbox.Silence(), phone=phone)
    node.wait_state("DEAF", timeout_s=60)
    error = error_of(lambda: node.send(customer, "sorda", timeout_s=1))
    assert error.reason is Reason.SESSION_DISCONNECTED
    control.clear()
    node.wait_state("CONNECTED", timeout_s=30)
    node.send(customer, "oigo")
    assert eventually(lambda: control.inbox(customer))[0].text == "oigo"


def codes(node: Node, control: Control) -> Iterator[None]:
    """The second of a round's codes replaces the first, and works."""
    phone = "+5215512000002"
    # The library gives the first of 6 codes 60 seconds, and each of fewer 20.
    control.fault(short_qr=sandbox.ShortQr(codes=2), times=1)
    steps = node.stream_qr()
    first = next(steps).code
    yield
    second = next(steps).code
    assert second.code != first.code
    assert second.expires_in.seconds in (19, 20)
    control.scan(phone, second.code)
    *_, last = steps
    assert last.paired.phone_number == phone


def cut_send(node: Node, control: Control) -> Iterator[None]:
    """A send that is cut and cannot be repeated: unknown, until a receipt tells."""
    phone, customer = "+5215512000003", "+5215598000003"
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    yield
    node.send(customer, "para calentar")
    control.fault(hold_acknowledgement=sandbox.HoldAcknowledgement(), phone=phone, times=1)
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=False))
    errors: list[MeshError] = []
    request_id = str(uuid.uuid4())

    def send() -> None:
        errors.append(error_of(lambda: node.send(customer, "cortado", request_id=request_id)))

    sender = threading.Thread(target=send)
    sender.start()
    eventually(lambda: control.devices(phone)[0].sent_messages == 2)
    refusal = sandbox.RefuseLogin(reason=sandbox.LOGIN_REFUSAL_UNAVAILABLE, drop_connections=True)
    control.fault(refuse_login=refusal, phone=phone)
    sender.join()
    assert errors[0].reason is Reason.SEND_OUTCOME_UNKNOWN
    control.clear()
    node.wait_state("CONNECTED")
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=True))
    delivered = node.wait_message(errors[0].metadata["message_id"], "DELIVERED")
    assert delivered.whatsapp_id == control.inbox(customer, count=2)[1].message_id
    again = node.send(customer, "cortado", request_id=request_id)
    assert again.state == message_pb2.MESSAGE_STATE_DELIVERED
    assert len(control.inbox(customer, count=2)) == 2
