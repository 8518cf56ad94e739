"""What is known of a cut send holds for every kind: the library stores the secret of each."""

from typing import Any

import pytest
from google.protobuf import json_format

from botmesh.errors import Reason
from botmesh.v1 import message_pb2
from tests.e2e.botnode.node import Control, Node, error_of
from tests.e2e.botnode.test_outbox import Send, hold

pytestmark = pytest.mark.e2e

OWN = {"whatsapp_id": "3EB0C767D097B7C7C0A5", "from_me": True}
CONTENTS: dict[str, dict[str, Any]] = {
    "location": {"degrees_latitude": 1, "degrees_longitude": 2},
    "contacts": {"cards": [{"display_name": "Ana", "phone_numbers": ["+525512345678"]}]},
    "poll": {"name": "?", "options": ["a", "b"]},
    "reaction": {"original": OWN, "emoji": "👍"},
    "edit": {"original": OWN, "body": "dos"},
    "revoke": {"original": OWN},
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_the_id_of_a_cut_send_is_found(
    paired: Node, control: Control, phone: str, customer: str, kind: str
) -> None:
    content = json_format.ParseDict({kind: CONTENTS[kind]}, message_pb2.MessageContent())
    held = hold(control, "DEVICES", phone)
    send = Send(paired, customer, content)
    control.wait_fault(held)
    paired.kill()
    send.join()
    control.clear()
    paired.start()
    paired.wait_state("CONNECTED")
    error = error_of(lambda: paired.send(customer, content, request_id=send.request_id))
    assert error.reason is Reason.SEND_OUTCOME_UNKNOWN
    assert error.metadata["whatsapp_id"]
    paired.send(customer, "fin")
    assert [message.text for message in control.inbox(customer)] == ["fin"]
