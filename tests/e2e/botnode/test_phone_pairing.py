"""Pairing by phone code: the real library, and phones into which codes are typed."""

import time

import grpc
import pytest

from botmesh.errors import Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from tests.e2e.botnode.node import Control, Node, error_of
from tests.e2e.botnode.test_pairing import codes_of, short_codes

pytestmark = pytest.mark.e2e


def wrong(code: str) -> str:
    return code[:-1] + ("2" if code[-1] != "2" else "3")


def test_a_code_that_is_typed_in_pairs_the_tenant(
    node: Node, control: Control, phone: str, customer: str
) -> None:
    answer = node.request_code(phone)
    assert 150 < answer.expires_in.seconds <= 160
    assert answer.expire_time.seconds > time.time() + 140
    control.enter(phone, answer.code)
    node.wait_state("CONNECTED")
    assert node.session().phone_number == phone
    node.send(customer, "con codigo")
    assert control.inbox(customer)[0].text == "con codigo"
    assert error_of(lambda: node.request_code(phone)).reason is Reason.SESSION_ALREADY_PAIRED


def test_watchers_and_codes_share_one_round(node: Node, control: Control, phone: str) -> None:
    steps = node.stream_qr()
    qr_code = next(codes_of(steps)).code
    code = node.request_code(phone).code
    step = next(steps).phone_code
    assert (step.phone_number, step.code) == (phone, code)
    assert node.request_code(phone).code == code
    late = node.stream_qr()
    found = [next(late), next(late)]
    assert [step.code.code for step in found if step.HasField("code")] == [qr_code]
    assert [step.phone_code.code for step in found if step.HasField("phone_code")] == [code]
    control.enter(phone, code)
    for stream in (steps, late):
        *_, last = stream
        assert last.paired.phone_number == phone


def test_the_qr_code_works_while_a_phone_code_waits(
    node: Node, control: Control, phone: str, customer: str
) -> None:
    steps = node.stream_qr()
    qr_code = next(codes_of(steps)).code
    node.request_code(customer)
    control.scan(phone, qr_code)
    *_, last = steps
    assert last.paired.phone_number == phone


def test_another_number_takes_the_codes_place(
    node: Node, control: Control, phone: str, customer: str
) -> None:
    first = node.request_code(customer).code
    second = node.request_code(phone).code
    assert second != first
    with pytest.raises(grpc.RpcError, match="expired"):
        control.enter(customer, first)
    control.enter(phone, second)
    node.wait_state("CONNECTED")
    assert node.session().phone_number == phone


def test_a_wrong_code_links_nothing_and_the_right_one_still_does(
    node: Node, control: Control, phone: str
) -> None:
    code = node.request_code(phone).code
    with pytest.raises(grpc.RpcError, match="not the one that the device shows"):
        control.enter(phone, wrong(code))
    assert node.request_code(phone).code == code
    control.enter(phone, code)
    node.wait_state("CONNECTED")


def test_a_code_that_died_early_is_told_and_followed(
    node: Node, control: Control, phone: str
) -> None:
    short_codes(control, codes=6, lifetime_s=2)
    steps = node.stream_qr()
    next(codes_of(steps))
    code = node.request_code(phone).code
    assert next(steps).phone_code.code == code
    failed = next(step.failed for step in steps if step.HasField("failed"))
    assert failed.reason == Reason.PAIRING_FAILED
    with pytest.raises(grpc.RpcError, match="expired"):
        control.enter(phone, code)
    control.clear()
    again = node.request_code(phone).code
    assert again != code
    control.enter(phone, again)
    *_, last = steps
    assert last.paired.phone_number == phone


@pytest.mark.parametrize(
    ("code", "reason"), [(429, Reason.RATE_LIMITED), (400, Reason.PAIRING_REFUSED)]
)
def test_whatsapp_gives_no_code(
    node: Node, control: Control, phone: str, code: int, reason: Reason
) -> None:
    control.fault(refuse_phone_code=sandbox.RefusePhoneCode(code=code), phone=phone)
    error = error_of(lambda: node.request_code(phone))
    assert error.reason is reason
    assert (error.retry_after is not None) is (reason is Reason.RATE_LIMITED)


def test_nothing_is_dialled_for_what_is_no_number(node: Node, control: Control) -> None:
    before = control.stub.GetSandbox(sandbox.GetSandboxRequest()).sandbox.connections
    error = error_of(lambda: node.request_code("+52 55 not"))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["phone_number"]
    after = control.stub.GetSandbox(sandbox.GetSandboxRequest()).sandbox.connections
    assert after <= before


def test_no_line_to_whatsapp(node: Node, control: Control, phone: str) -> None:
    control.fault(refuse_connections=sandbox.RefuseConnections())
    error = error_of(lambda: node.request_code(phone))
    assert error.reason is Reason.PAIRING_FAILED
    assert "cannot be reached" in error.message
    control.clear()
    control.enter(phone, node.request_code(phone).code)
    node.wait_state("CONNECTED")


@pytest.mark.parametrize("by_code", [True, False], ids=["phone-code", "qr-code"])
def test_an_account_with_a_passkey(
    node: Node, control: Control, phone: str, customer: str, by_code: bool
) -> None:
    control.fault(require_passkey=sandbox.RequirePasskey(), phone=customer)
    steps = node.stream_qr()
    qr_code = next(codes_of(steps)).code
    code = node.request_code(customer).code if by_code else qr_code
    link = control.enter if by_code else control.scan
    with pytest.raises(grpc.RpcError, match="passkey"):
        link(customer, code)
    asked = next(step.passkey_required for step in steps if step.HasField("passkey_required"))
    assert asked.reason == Reason.PASSKEY_REQUIRED
    assert "passkey" in node.session().last_error
    # Another account is linked by the next code.
    control.scan(phone, next(codes_of(steps)).code)
    *_, last = steps
    assert last.paired.phone_number == phone


def test_stops_at_once_with_a_phone_code_given_out(node: Node, phone: str) -> None:
    node.request_code(phone)
    began = time.monotonic()
    assert node.terminate() == 0
    assert time.monotonic() - began < 2
