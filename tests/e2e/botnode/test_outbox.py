"""What becomes of messages on the real library when things break at exact places."""

import base64
import threading
import uuid
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import message_pb2
from tests import media_samples
from tests.e2e.botnode.node import Control, Node, error_of, eventually

QUEUE = message_pb2.DELIVERY_QUEUE
S = message_pb2.MessageState

OWN = {"whatsapp_id": "3EB0C767D097B7C7C0A5", "from_me": True}
CONTENTS: dict[str, dict[str, Any]] = {
    "text": {"body": "uno"},
    "location": {"degrees_latitude": 1, "degrees_longitude": 2},
    "contacts": {"cards": [{"display_name": "Ana", "phone_numbers": ["+525512345678"]}]},
    "poll": {"name": "?", "options": ["a", "b"]},
    "reaction": {"original": OWN, "emoji": "👍"},
    "edit": {"original": OWN, "body": "dos"},
    "revoke": {"original": OWN},
    "image": {"media": {"data": base64.b64encode(media_samples.picture("PNG", (9, 9))).decode()}},
}


class Send(threading.Thread):
    """A send in the background; its outcome when it has ended."""

    def __init__(
        self, node: Node, to: str, content: str | message_pb2.MessageContent, **options: Any
    ) -> None:
        super().__init__(daemon=True)
        self.request_id = str(uuid.uuid4())
        self._call = lambda: node.send(to, content, request_id=self.request_id, **options)
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._call()
        except (MeshError, grpc.RpcError) as error:
            self.outcome = error


def hold(control: Control, kind: str, phone: str) -> int:
    return control.fault(hold_query=sandbox.HoldQuery(kind=f"QUERY_KIND_{kind}"), phone=phone)


def states(node: Node, message_id: str) -> list[str]:
    return [S.Name(step.state)[14:] for step in node.get(message_id=message_id).timeline]


def test_a_message_that_never_left_goes_out_after_a_kill(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    held = hold(control, "LID", phone)
    send = Send(paired, customer, "uno")
    control.wait_fault(held)
    paired.kill()
    send.join()
    control.clear()
    paired.start()
    sent = paired.send(customer, "uno", request_id=send.request_id)
    assert sent.state >= S.MESSAGE_STATE_SENT
    assert sent.attempts == 2
    assert [message.text for message in control.inbox(customer)] == ["uno"]
    assert states(paired, sent.message_id)[:5] == ["QUEUED", "SENDING", "QUEUED", "SENDING", "SENT"]


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_message_that_may_have_left_does_not(
    shared: Node, control: Control, shared_phone: str, customer: str, kind: str
) -> None:
    """The library stores the secret of every kind of content: the cut send's id is found there."""
    content = json_format.ParseDict({kind: CONTENTS[kind]}, message_pb2.MessageContent())
    held = hold(control, "DEVICES", shared_phone)
    send = Send(shared, customer, content)
    control.wait_fault(held)
    shared.kill()
    send.join()
    control.clear()
    shared.start()
    shared.wait_state("CONNECTED")
    error = error_of(lambda: shared.send(customer, content, request_id=send.request_id))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    assert error.metadata["whatsapp_id"]
    shared.send(customer, "fin")
    assert [message.text for message in control.inbox(customer)] == ["fin"]


def test_a_phone_that_cannot_decrypt_is_served_again(
    shared: Node, control: Control, customer: str
) -> None:
    shared.send(customer, "para calentar")
    control.inbox(customer)
    control.fault(undecryptable=sandbox.Undecryptable(), recipient=customer, times=1)
    message = shared.send(customer, "otra vez")

    def flags() -> list[bool]:
        return [step.undecrypted for step in shared.get(message_id=message.message_id).timeline]

    eventually(lambda: flags()[-2:] == [True, False] and flags())
    last = shared.get(message_id=message.message_id).message
    assert (last.state, last.undecrypted) == (S.MESSAGE_STATE_DELIVERED, False)
    assert control.inbox(customer, count=2)[-1].text == "otra vez"


def test_a_message_of_an_earlier_process_stays_undecrypted(
    paired: Node, control: Control, customer: str
) -> None:
    paired.send(customer, "para calentar")
    control.inbox(customer)
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=False))
    message = paired.send(customer, "perdido")
    paired.terminate()
    paired.start()
    paired.wait_state("CONNECTED")
    control.fault(undecryptable=sandbox.Undecryptable(), recipient=customer, times=1)
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=True))
    eventually(lambda: paired.get(message_id=message.message_id).message.undecrypted)
    paired.send(customer, "fin")
    found = control.inbox(customer, count=3)
    assert [(m.text, m.undecrypted) for m in found][-2:] == [("", True), ("fin", False)]
    assert paired.get(message_id=message.message_id).message.undecrypted


def test_a_message_waits_for_the_session_over_a_restart(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    control.fault(refuse_login=sandbox.RefuseLogin(reason=4), phone=phone)
    control.drop(phone)
    paired.wait_state("RECONNECTING")
    waiting = paired.send(customer, "paciencia", delivery=QUEUE)
    assert waiting.state == S.MESSAGE_STATE_QUEUED
    taken_back = paired.send(customer, "mejor no", delivery=QUEUE)
    assert paired.cancel(taken_back.message_id).reason == Reason.MESSAGE_CANCELLED
    paired.kill()
    paired.start()
    control.clear()
    eventually(
        lambda: paired.get(message_id=waiting.message_id).message.state >= S.MESSAGE_STATE_SENT
    )
    paired.send(customer, "fin")
    assert [message.text for message in control.inbox(customer, count=2)] == ["paciencia", "fin"]


@pytest.mark.parametrize("place", ["BEFORE_DELIVERY", "AFTER_DELIVERY"])
def test_a_line_cut_at_a_message(
    shared: Node, control: Control, shared_phone: str, customer: str, place: str
) -> None:
    """The library repeats the frame when it is back soon; the server takes it once."""
    shared.send(customer, "para calentar")
    control.fault(cut_line=sandbox.CutLine(at=f"CUT_PLACE_{place}"), phone=shared_phone, times=1)
    assert shared.send(customer, "cortado").state >= S.MESSAGE_STATE_SENT
    shared.send(customer, "fin")
    texts = [message.text for message in control.inbox(customer, count=3)]
    assert texts == ["para calentar", "cortado", "fin"]
