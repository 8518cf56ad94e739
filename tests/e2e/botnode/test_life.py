"""A botnode's normal life: pair, send, receive, start again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from botmesh.v1 import message_pb2, session_pb2
from tests.e2e.botnode.node import Control, Node

pytestmark = pytest.mark.e2e


def received_as(node: Node, message_id: str) -> message_pb2.ReceivedMessage:
    """The message with WhatsApp's id, from the event log."""
    return next(
        event.message_received
        for event in node.events()
        if event.message_received.whatsapp_id == message_id
    )


def test_pairs_and_sends_what_the_phone_decrypts(
    node: Node, control: Control, phone: str, customer: str
) -> None:
    paired = control.pair(node, phone)
    assert paired.phone_number == phone
    assert paired.jid.startswith(phone[1:])
    assert paired.lid.endswith("@lid")

    message = node.send(customer, "hola, su pedido está listo")
    assert message.state >= message_pb2.MESSAGE_STATE_SENT
    assert message.whatsapp_id
    assert message.recipient_jid == f"{customer[1:]}@s.whatsapp.net"

    (received,) = control.inbox(customer)
    assert received.text == "hola, su pedido está listo"
    assert received.message_id == message.whatsapp_id
    assert received.sender == phone


def test_receipts_raise_the_message(shared: Node, control: Control, customer: str) -> None:
    message = shared.send(customer, "¿llegó?")
    delivered = shared.wait_message(message.message_id, "DELIVERED")
    assert delivered.whatsapp_id == message.whatsapp_id
    control.read(customer, message.whatsapp_id)
    read = shared.wait_message(message.message_id, "READ")
    assert read.read_time.seconds > 0


def test_receives(shared: Node, control: Control, shared_phone: str, customer: str) -> None:
    message_id = control.write(customer, shared_phone, "¿a qué hora abren?")
    received = received_as(shared, message_id)
    assert received.content.text.body == "¿a qué hora abren?"
    assert received.sender_number == customer
    assert received.sender_jid.endswith("@lid")
    assert not received.from_me


def test_own_phone_s_messages_are_from_me(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    message_id = control.write(shared_phone, customer, "escrito en el teléfono")
    received = received_as(shared, message_id)
    assert received.from_me
    assert received.content.text.body == "escrito en el teléfono"


def test_starts_again_without_a_code(paired: Node, control: Control, customer: str) -> None:
    first = paired.session()
    assert paired.terminate() == 0
    paired.start()
    paired.wait_state("CONNECTED")
    session = paired.session()
    assert session.state == session_pb2.SESSION_STATE_CONNECTED
    assert session.jid == first.jid
    assert session.epoch == first.epoch + 1
    assert session.instance != first.instance
    (step,) = paired.stream_qr()
    assert step.paired.jid == first.jid
    paired.send(customer, "otra vez")
    assert control.inbox(customer)[0].text == "otra vez"


def test_is_connected_at_the_first_try_after_a_kill(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    paired.kill()
    paired.start()
    paired.wait_state("CONNECTED")
    states = [line["state"] for line in paired.lines if line["event"] == "session"]
    assert states == ["CONNECTING", "CONNECTED"]
    assert [device.logins for device in control.devices(phone)] == [2]
    paired.send(customer, "sigo aquí")
    assert control.inbox(customer)[0].text == "sigo aquí"


def test_event_log_has_no_gaps_over_a_restart(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    paired.send(customer, "uno")
    paired.terminate()
    control.write(customer, phone, "mientras dormías")
    paired.start()
    sequences, texts = [], []
    for event in paired.events():
        sequences.append(event.cursor.sequence)
        if event.HasField("message_received"):
            texts.append(event.message_received.content.text.body)
            break
    assert sequences == list(range(1, len(sequences) + 1))
    assert texts == ["mientras dormías"]


def test_answers_before_the_library_is_loaded(make_node: Callable[..., Node]) -> None:
    node = make_node().start()
    assert node.session().tenant_id == "shop"
    assert node.lines[0]["event"] == "ready"


def test_folder_is_private(paired: Node) -> None:
    folder = paired.data_dir / "tenants" / paired.tenant_id
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_log_holds_no_text_code_or_number(
    node: Node, control: Control, phone: str, customer: str
) -> None:
    codes = []
    for step in node.stream_qr():
        if step.HasField("code"):
            codes.append(step.code.code)
            control.scan(phone, step.code.code)
    node.send(customer, "palabra-secreta")
    node.terminate()
    log = Path(node.log).read_text()
    assert "palabra-secreta" not in log
    assert not any(code in log or code.split("#")[1].split(",")[0] in log for code in codes)
    assert phone[1:] not in log
    assert customer[1:] not in log
