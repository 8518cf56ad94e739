"""What happens to the line: lost, refused, silent, replaced, banned, outdated, logged out."""

import time
from collections.abc import Callable

import pytest

from botmesh.errors import Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import session_pb2
from tests.e2e.botnode.node import Control, Node, error_of, eventually

pytestmark = pytest.mark.e2e


def refuse(
    control: Control, phone: str, reason: "sandbox.LoginRefusal.ValueType", ban_s: int = 0
) -> None:
    """Refuse a phone's devices from now on, those that are connected too."""
    refusal = sandbox.RefuseLogin(reason=reason, ban_code=101, drop_connections=True)
    if ban_s:
        refusal.ban_duration.FromSeconds(ban_s)
    control.fault(refuse_login=refusal, phone=phone)


def test_a_dropped_line_comes_back(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    assert control.drop(phone) == 1
    paired.wait_state("RECONNECTING")
    paired.wait_state("CONNECTED")
    paired.send(customer, "de vuelta")
    assert control.inbox(customer)[0].text == "de vuelta"


def test_without_a_line_sending_fails_typed_and_comes_back(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    control.fault(refuse_connections=sandbox.RefuseConnections())
    control.drop(phone)
    paired.wait_state("RECONNECTING")
    error = error_of(lambda: paired.send(customer, "sin línea", timeout_s=2))
    assert error.reason is Reason.SESSION_DISCONNECTED
    assert error.retry_after is not None
    session = paired.session()
    assert session.state == session_pb2.SESSION_STATE_RECONNECTING
    assert session.reason == Reason.SESSION_DISCONNECTED
    assert session.last_error
    control.clear()
    paired.wait_state("CONNECTED")
    assert not paired.session().last_error
    paired.send(customer, "con línea")
    assert [message.text for message in control.inbox(customer)] == ["con línea"]


def test_starting_without_a_line_keeps_trying(paired: Node, control: Control, phone: str) -> None:
    paired.terminate()
    control.fault(refuse_connections=sandbox.RefuseConnections())
    paired.start()
    paired.wait_state("RECONNECTING")
    assert paired.session().phone_number == phone
    control.clear()
    paired.wait_state("CONNECTED")


def test_logged_out_by_the_phone_then_paired_again(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    control.stub.LogOutDevice(sandbox.LogOutDeviceRequest(phone=phone))
    assert paired.wait_state("LOGGED_OUT")["phone_number"] is None
    assert error_of(lambda: paired.send(customer, "nada")).reason is Reason.SESSION_LOGGED_OUT
    again = control.pair(paired, phone)
    assert again.phone_number == phone
    paired.send(customer, "de nuevo")
    assert control.inbox(customer)[0].text == "de nuevo"


def test_logged_out_while_away(paired: Node, control: Control, phone: str) -> None:
    paired.terminate()
    control.stub.LogOutDevice(sandbox.LogOutDeviceRequest(phone=phone))
    paired.start()
    paired.wait_state("LOGGED_OUT")
    paired.terminate()
    paired.start()  # and it is still known after one more start
    paired.wait_state("LOGGED_OUT")


def test_log_out_by_call(paired: Node, control: Control, phone: str, customer: str) -> None:
    session = paired.log_out()
    assert session.state == session_pb2.SESSION_STATE_LOGGED_OUT
    assert not session.jid
    assert eventually(lambda: not control.devices(phone))
    assert paired.log_out().state == session_pb2.SESSION_STATE_LOGGED_OUT
    assert error_of(lambda: paired.send(customer, "nada")).reason is Reason.SESSION_LOGGED_OUT
    control.pair(paired, phone)


def test_log_out_without_a_line_needs_force(paired: Node, control: Control, phone: str) -> None:
    control.fault(refuse_connections=sandbox.RefuseConnections())
    control.drop(phone)
    paired.wait_state("RECONNECTING")
    assert error_of(paired.log_out).reason is Reason.SESSION_DISCONNECTED
    session = paired.log_out(force=True)
    assert session.state == session_pb2.SESSION_STATE_LOGGED_OUT
    control.clear()
    assert control.pair(paired, phone).phone_number == phone


def test_replaced_comes_back(paired: Node, control: Control, phone: str, customer: str) -> None:
    control.stub.ReplaceDevice(sandbox.ReplaceDeviceRequest(phone=phone))
    paired.wait_state("REPLACED")
    began = time.monotonic()
    paired.wait_state("CONNECTING")  # at once: what can wait some seconds does
    assert "took the session over" in paired.session().last_error
    paired.wait_state("CONNECTED")
    assert 1 < time.monotonic() - began < 8
    paired.send(customer, "sigo siendo yo")


def test_banned_until_the_ban_ends(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    refuse(control, phone, sandbox.LOGIN_REFUSAL_BANNED, ban_s=4)
    paired.wait_state("BANNED")
    error = error_of(lambda: paired.send(customer, "nada"))
    assert error.reason is Reason.ACCOUNT_BANNED
    assert error.retry_after is not None
    session = paired.session()
    assert session.ban_expire_time.seconds > time.time()
    assert error_of(lambda: list(paired.stream_qr())).reason is Reason.ACCOUNT_BANNED
    control.clear()
    paired.wait_state("CONNECTED")
    assert not paired.session().HasField("ban_expire_time")


def test_a_ban_is_remembered_over_a_restart(paired: Node, control: Control, phone: str) -> None:
    refuse(control, phone, sandbox.LOGIN_REFUSAL_BANNED, ban_s=600)
    paired.wait_state("BANNED")
    paired.terminate()
    control.clear()
    paired.start()
    paired.wait_state("BANNED")


def test_outdated(paired: Node, control: Control, phone: str, customer: str) -> None:
    refuse(control, phone, sandbox.LOGIN_REFUSAL_OUTDATED)
    paired.wait_state("OUTDATED")
    assert error_of(lambda: paired.send(customer, "nada")).reason is Reason.CLIENT_OUTDATED


def test_unavailable_is_tried_again(paired: Node, control: Control, phone: str) -> None:
    refuse(control, phone, sandbox.LOGIN_REFUSAL_UNAVAILABLE)
    paired.wait_state("RECONNECTING")
    control.clear()
    paired.wait_state("CONNECTED")


def test_a_login_that_brings_nothing_is_no_connection(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    """The library calls it Connected; it is told only by its log."""
    fault = control.fault(refuse_activation=sandbox.RefuseActivation(), phone=phone, times=2)
    control.drop(phone)
    paired.wait_state("RECONNECTING")
    control.wait_fault(fault)
    written = control.write(customer, phone, "¿hay alguien?")
    paired.wait_state("CONNECTED")
    (device,) = control.devices(phone)
    assert device.logins == 4  # the first, two in vain, and the one that is served
    assert paired.wait_received(written).content.text.body == "¿hay alguien?"


def test_two_botnodes_of_one_tenant(
    paired: Node, make_node: Callable[..., Node], control: Control, phone: str, customer: str
) -> None:
    second = make_node().start()
    assert second.session().state == session_pb2.SESSION_STATE_WAITING_FOR_LEASE
    error = error_of(lambda: second.send(customer, "nada"))
    assert error.reason is Reason.BOTNODE_UNAVAILABLE
    assert error_of(lambda: list(second.stream_qr())).reason is Reason.BOTNODE_UNAVAILABLE
    (device,) = control.devices(phone)
    assert device.logins == 1  # the second never dialled
    assert paired.session().state == session_pb2.SESSION_STATE_CONNECTED
    paired.kill()
    second.wait_state("CONNECTED")
    assert second.session().epoch == 2
    second.send(customer, "ahora yo")
    assert control.inbox(customer)[0].text == "ahora yo"
