"""Pairing: many watchers, late ones, codes that run out, a process that is renewed."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import bot_pb2, session_pb2
from tests.e2e.botnode.node import Control, Node, error_of, eventually

pytestmark = pytest.mark.e2e


def short_codes(control: Control, codes: int, lifetime_s: float | None = None) -> None:
    """Let the sandbox give few codes, and close the line after a time."""
    fault = sandbox.ShortQr(codes=codes)
    if lifetime_s is not None:
        fault.lifetime.FromMilliseconds(int(lifetime_s * 1000))
    control.fault(short_qr=fault)


def codes_of(steps: Iterator[bot_pb2.StreamQRResponse]) -> Iterator[session_pb2.QRCode]:
    """The codes among the steps."""
    return (step.code for step in steps if step.HasField("code"))


def waiting_to_pair(control: Control) -> int:
    return control.stub.GetSandbox(sandbox.GetSandboxRequest()).sandbox.waiting_to_pair


def test_does_not_dial_until_somebody_watches(node: Node, control: Control) -> None:
    node.wait_state("UNPAIRED")
    before = control.stub.GetSandbox(sandbox.GetSandboxRequest()).sandbox.connections
    time.sleep(0.5)  # that nothing happens can only be watched for a while
    after = control.stub.GetSandbox(sandbox.GetSandboxRequest()).sandbox.connections
    assert after <= before
    next(codes_of(node.stream_qr()))
    assert eventually(lambda: waiting_to_pair(control) >= 1)


def test_a_code_is_whole(node: Node) -> None:
    code = next(codes_of(node.stream_qr()))
    assert code.code.startswith("https://wa.me/settings/linked_devices#")
    assert code.png.startswith(b"\x89PNG")
    assert 50 < code.expires_in.seconds <= 60
    assert code.expire_time.seconds > time.time() + 45
    assert node.session().state == session_pb2.SESSION_STATE_PAIRING


def test_all_watchers_see_one_code_and_the_end(node: Node, control: Control, phone: str) -> None:
    first, second = node.stream_qr(), node.stream_qr()
    code = next(codes_of(first)).code
    assert next(codes_of(second)).code == code
    late = node.stream_qr()
    began = time.monotonic()
    assert next(codes_of(late)).code == code
    assert time.monotonic() - began < 0.5
    control.scan(phone, code)
    for steps in (first, second, late):
        *_, last = steps
        assert last.paired.phone_number == phone


def test_sending_before_pairing(node: Node, customer: str) -> None:
    node.wait_state("UNPAIRED")
    assert error_of(lambda: node.send(customer, "nada")).reason is Reason.SESSION_NOT_PAIRED


def test_codes_run_out_and_a_new_round_follows(node: Node, control: Control, phone: str) -> None:
    short_codes(control, codes=1, lifetime_s=1)
    steps = node.stream_qr()
    codes = codes_of(steps)
    first = next(codes)
    second = next(codes)
    assert second.code != first.code
    control.clear()
    third = next(codes)
    control.scan(phone, third.code)
    *_, last = steps
    assert last.paired.phone_number == phone
    assert node.process.poll() is None


def test_nobody_watching_ends_the_dialling(node: Node, control: Control) -> None:
    short_codes(control, codes=1, lifetime_s=1)
    steps = node.stream_qr()
    next(codes_of(steps))
    steps.close()
    node.wait_state("UNPAIRED")


def test_the_process_is_renewed_under_its_watchers(
    node: Node, control: Control, phone: str
) -> None:
    short_codes(control, codes=1, lifetime_s=0.5)
    seen, errors = [], []

    def watch() -> None:
        try:
            seen.extend(codes_of(node.stream_qr()))
        except MeshError as error:
            errors.append(error)

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert node.wait_exit() == 75
    watcher.join()
    assert [error.reason for error in errors] == [Reason.SHUTTING_DOWN]
    control.clear()
    node.start()
    assert control.pair(node, phone).phone_number == phone


def test_no_line_while_pairing_is_told_and_tried_again(
    node: Node, control: Control, phone: str
) -> None:
    control.fault(refuse_connections=sandbox.RefuseConnections())
    steps = node.stream_qr()
    failed = next(steps).failed
    assert failed.reason == Reason.PAIRING_FAILED
    assert "cannot be reached" in failed.message
    control.clear()
    control.scan(phone, next(codes_of(steps)).code)
    *_, last = steps
    assert last.paired.phone_number == phone


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (sandbox.LOGIN_REFUSAL_OUTDATED, Reason.CLIENT_OUTDATED),
        (sandbox.LOGIN_REFUSAL_BANNED, Reason.ACCOUNT_BANNED),
    ],
)
def test_refused_while_pairing(
    node: Node, control: Control, refusal: "sandbox.LoginRefusal.ValueType", reason: Reason
) -> None:
    ban = sandbox.RefuseLogin(reason=refusal, ban_code=101)
    ban.ban_duration.FromSeconds(600)
    control.fault(refuse_login=ban)
    assert error_of(lambda: list(node.stream_qr())).reason is reason
    # And once more, at once.
    assert error_of(lambda: list(node.stream_qr())).reason is reason


def test_stops_at_once_with_a_code_on_show(node: Node) -> None:
    next(codes_of(node.stream_qr()))
    began = time.monotonic()
    assert node.terminate() == 0
    assert time.monotonic() - began < 2


def test_a_pairing_for_another_tenant_of_the_folder(
    make_node: Callable[..., Node], control: Control, phone: str, customer: str
) -> None:
    """Two tenants of one mesh pair and send side by side, each from its own number."""
    north, south = make_node("north").start(), make_node("south").start()
    other = phone[:-5] + "9" + phone[-4:]
    control.pair(north, phone)
    control.pair(south, other)
    north.send(customer, "del norte")
    south.send(customer, "del sur")
    by_text = {message.text: message.sender for message in control.inbox(customer, count=2)}
    assert by_text == {"del norte": phone, "del sur": other}
