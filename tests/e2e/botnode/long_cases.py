"""Cases that take half a minute, because the library's own clocks rule them."""

from botmesh.errors import Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from tests.e2e.botnode.node import Control, Node, error_of, eventually


def silence(node: Node, control: Control) -> None:
    """A half-open line: nothing tells of it but a keep-alive that nobody answers."""
    phone, customer = "+5215512000001", "+5215598000001"
    control.pair(node, phone)
    node.wait_state("CONNECTED")
    control.fault(silence=sandbox.Silence(), phone=phone)
    node.wait_state("DEAF", timeout_s=60)
    error = error_of(lambda: node.send(customer, "sorda", timeout_s=1))
    assert error.reason is Reason.SESSION_DISCONNECTED
    control.clear()
    node.wait_state("CONNECTED", timeout_s=30)
    node.send(customer, "oigo")
    assert eventually(lambda: control.inbox(customer))[0].text == "oigo"


def codes(node: Node, control: Control) -> None:
    """The second of a round's codes replaces the first, and works."""
    phone = "+5215512000002"
    # The library gives the first of 6 codes 60 seconds, and each of fewer 20.
    control.fault(short_qr=sandbox.ShortQr(codes=2), times=1)
    steps = node.stream_qr()
    first = next(steps).code
    second = next(steps).code
    assert second.code != first.code
    assert second.expires_in.seconds in (19, 20)
    control.scan(phone, second.code)
    *_, last = steps
    assert last.paired.phone_number == phone
