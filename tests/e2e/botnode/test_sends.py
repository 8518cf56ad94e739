"""Sends that go wrong: refused, unanswered, cut."""

import contextlib
import threading
import time
import uuid

import grpc
import pytest

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import message_pb2, session_pb2
from tests.e2e.botnode.node import Control, Node, error_of

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (429, Reason.RATE_LIMITED),
        (463, Reason.REACH_OUT_LOCKED),
        (479, Reason.MESSAGE_REJECTED),
        (500, Reason.MESSAGE_REJECTED),
    ],
)
def test_refused_by_whatsapp(
    shared: Node, control: Control, shared_phone: str, customer: str, code: int, reason: Reason
) -> None:
    control.fault(refuse_send=sandbox.RefuseSend(code=code), phone=shared_phone)
    error = error_of(lambda: shared.send(customer, "no"))
    assert error.reason is reason
    message_id = error.metadata["message_id"]
    record = shared.wait_message(message_id, "FAILED")
    assert record.reason == reason
    control.clear()
    shared.send(customer, "sí")
    assert [message.text for message in control.inbox(customer)] == ["sí"]


def test_not_on_whatsapp(shared: Node, control: Control, customer: str) -> None:
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, on_whatsapp=False))
    error = error_of(lambda: shared.send(customer, "¿hay alguien?"))
    assert error.reason is Reason.RECIPIENT_NOT_ON_WHATSAPP


def test_a_withheld_acknowledgement(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    paired.send(customer, "para calentar")
    control.fault(hold_acknowledgement=sandbox.HoldAcknowledgement(), phone=phone)
    request_id = str(uuid.uuid4())
    began = time.monotonic()
    message = paired.send(customer, "sin respuesta", timeout_s=1, request_id=request_id)
    assert time.monotonic() - began < 1
    assert message.state == message_pb2.MESSAGE_STATE_SENDING
    # Nothing else waits for it.
    began = time.monotonic()
    assert paired.session().state == session_pb2.SESSION_STATE_CONNECTED
    assert time.monotonic() - began < 0.5
    # The same request joins the same message and does not send it twice.
    again = paired.send(customer, "sin respuesta", timeout_s=1, request_id=request_id)
    assert again.message_id == message.message_id
    texts = [message.text for message in control.inbox(customer, count=2)]
    assert texts == ["para calentar", "sin respuesta"]
    began = time.monotonic()
    assert paired.terminate() == 0
    assert time.monotonic() - began < 6
    # After the restart its outcome is unknown, or known from the receipts that came late.
    control.clear()
    paired.start()
    paired.wait_state("CONNECTED")
    records = [e.message_state_changed for e in _until_connected(paired)]
    states = [r.state for r in records if r.message_id == message.message_id]
    assert message_pb2.MESSAGE_STATE_UNKNOWN in states
    named = [r.whatsapp_id for r in records if r.message_id == message.message_id]
    assert named[-1] == "" or named[-1] == control.inbox(customer, count=2)[1].message_id


def test_late_acknowledgement_is_waited_for(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    hold = sandbox.HoldAcknowledgement()
    hold.delay.FromMilliseconds(700)
    control.fault(hold_acknowledgement=hold, phone=shared_phone)
    began = time.monotonic()
    assert shared.send(customer, "despacio").state >= message_pb2.MESSAGE_STATE_SENT
    assert time.monotonic() - began >= 0.7


def test_killed_in_the_middle_of_a_send(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    paired.send(customer, "para calentar")
    control.fault(hold_acknowledgement=sandbox.HoldAcknowledgement(), phone=phone)
    request_id = str(uuid.uuid4())
    answered: list[message_pb2.Message] = []

    def send() -> None:
        with contextlib.suppress(grpc.RpcError):
            answered.append(paired.send(customer, "a medias", request_id=request_id))

    sender = threading.Thread(target=send)
    sender.start()
    assert len(control.inbox(customer, count=2)) == 2
    paired.kill()
    sender.join()
    assert not answered
    control.clear()
    paired.start()
    paired.wait_state("CONNECTED")
    # The message is known by WhatsApp's id, found by its secret. Whether its outcome is known too
    # depends on whether the phone's receipt came before the kill. In no case is it sent again.
    assert _what_became_of(paired, customer, request_id) == (
        control.inbox(customer, count=2)[1].message_id
    )
    paired.send(customer, "fin")
    texts = [message.text for message in control.inbox(customer, count=3)]
    assert texts == ["para calentar", "a medias", "fin"]


def test_a_line_that_breaks_under_a_send(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    """The library repeats the frame when it is back within 5 seconds; the server drops the copy."""
    shared.send(customer, "para calentar")
    control.fault(hold_acknowledgement=sandbox.HoldAcknowledgement(), phone=shared_phone, times=1)
    outcomes: list[message_pb2.Message] = []
    sender = threading.Thread(target=lambda: outcomes.append(shared.send(customer, "cortado")))
    sender.start()
    assert len(control.inbox(customer, count=2)) == 2
    control.drop(shared_phone)
    sender.join()
    assert outcomes[0].state >= message_pb2.MESSAGE_STATE_SENT
    shared.send(customer, "fin")
    texts = [message.text for message in control.inbox(customer, count=3)]
    assert texts == ["para calentar", "cortado", "fin"]


def test_log_out_makes_a_send_in_hand_unknown(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    paired.send(customer, "para calentar")
    control.fault(hold_acknowledgement=sandbox.HoldAcknowledgement(), phone=phone)
    errors: list[MeshError] = []
    sender = threading.Thread(
        target=lambda: errors.append(error_of(lambda: paired.send(customer, "perdido")))
    )
    sender.start()
    assert len(control.inbox(customer, count=2)) == 2
    control.stub.LogOutDevice(sandbox.LogOutDeviceRequest(phone=phone))
    sender.join()
    assert errors[0].reason is Reason.SEND_OUTCOME_UNKNOWN


def test_same_request_id_for_another_text(shared: Node, customer: str) -> None:
    request_id = str(uuid.uuid4())
    shared.send(customer, "uno", request_id=request_id)
    error = error_of(lambda: shared.send(customer, "dos", request_id=request_id))
    assert error.reason is Reason.REQUEST_ID_REUSED


def _what_became_of(node: Node, customer: str, request_id: str) -> str:
    """WhatsApp's id of a message whose outcome is unknown, or turned out to be good."""
    try:
        message = node.send(customer, "a medias", request_id=request_id)
    except MeshError as error:
        if error.reason is not Reason.SEND_OUTCOME_UNKNOWN:
            raise
        return error.metadata["whatsapp_id"]
    assert message.state >= message_pb2.MESSAGE_STATE_SENT
    return message.whatsapp_id


def _until_connected(node: Node) -> list[object]:
    """The events up to the second CONNECTED."""
    found, connected = [], 0
    for event in node.events():
        found.append(event)
        state = event.session_state_changed.state
        connected += state == session_pb2.SESSION_STATE_CONNECTED
        if connected == 2:
            break
    return found
