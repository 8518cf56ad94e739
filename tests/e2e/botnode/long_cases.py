"""Cases that take half a minute, because the library's own clocks rule them.

Each is a generator: what comes before its yield is done before any other test runs, the rest beside
the other tests.
"""

import threading
import time
import uuid
from collections.abc import Iterator

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import message_pb2
from tests.e2e.botnode.node import Control, Node, error_of, eventually

# So long at most a line without WhatsApp at its end is taken for a good one, and then mended.
FOUND_AND_MENDED_S = 60.0


def half_open(node: Node, control: Control) -> Iterator[None]:
    """A line that carries nothing: only a keep-alive that nobody answers tells of it."""
    phone, customer = "+5215512000001", "+5215598000001"
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    yield
    control.fault(half_open=sandbox.HalfOpen(), phone=phone)
    began = time.monotonic()
    node.wait_state("DEAF", timeout_s=FOUND_AND_MENDED_S)
    error = error_of(lambda: node.send(customer, "sorda", timeout_s=1))
    assert error.reason is Reason.SESSION_DISCONNECTED
    node.wait_state("RECONNECTING")
    node.wait_state("CONNECTED")
    assert time.monotonic() - began < FOUND_AND_MENDED_S
    node.send(customer, "oigo")
    assert eventually(lambda: control.inbox(customer))[0].text == "oigo"


def deaf(node: Node, control: Control) -> Iterator[None]:
    """A line that answers pings and questions, and carries nothing else: a send tells of it."""
    phone, customer = "+5215512000004", "+5215598000004"
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    yield
    control.fault(deaf=sandbox.Deaf(), phone=phone)
    began = time.monotonic()
    unheard = control.write(customer, phone, "¿me oyes?")
    errors: list[MeshError] = []
    sender = threading.Thread(
        target=lambda: errors.append(error_of(lambda: node.send(customer, "sí", timeout_s=70)))
    )
    sender.start()
    node.wait_state("DEAF", timeout_s=FOUND_AND_MENDED_S)
    node.wait_state("CONNECTED")
    assert time.monotonic() - began < FOUND_AND_MENDED_S
    sender.join()
    # It was not acknowledged; what came of it is known from its receipts.
    assert errors[0].reason is Reason.SEND_OUTCOME_UNKNOWN
    delivered = node.wait_message(errors[0].metadata["message_id"], "DELIVERED")
    assert delivered.whatsapp_id == control.inbox(customer)[-1].message_id
    assert node.wait_received(unheard).content.text.body == "¿me oyes?"


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
