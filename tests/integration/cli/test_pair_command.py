"""``botmesh pair`` against a gateway whose answers are scripted."""

import json
import queue
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from fake_gateway import serving
from typer.testing import CliRunner, Result

from botmesh.cli.main import app
from botmesh.errors import MeshError, Reason, invalid
from botmesh.rpc.status import to_rpc_status
from botmesh.v1 import (
    BotServiceServicer,
    Paired,
    PairingFailed,
    PasskeyRequired,
    PhoneCode,
    QRCode,
    RequestPairingCodeRequest,
    RequestPairingCodeResponse,
    StreamQRRequest,
    StreamQRResponse,
    TenantServiceServicer,
)

NUMBER = "+5215512345678"
PAIRED = StreamQRResponse(paired=Paired(phone_number=NUMBER))


def _refuse(context: Any, error: MeshError) -> NoReturn:
    context.abort_with_status(to_rpc_status(error))
    raise AssertionError("aborting returns to nobody")


class Bots(BotServiceServicer):
    """Gives the codes that a test wrote; each is followed by steps."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, float, list[StreamQRResponse]] | MeshError] = []
        self.asked: list[str] = []
        self.steps: queue.Queue[StreamQRResponse | MeshError] = queue.Queue()

    def RequestPairingCode(
        self, request: RequestPairingCodeRequest, context: Any
    ) -> RequestPairingCodeResponse:
        self.asked.append(request.phone_number)
        answer = self.answers.pop(0)
        if isinstance(answer, MeshError):
            _refuse(context, answer)
        code, seconds, steps = answer
        for step in steps:
            self.steps.put(step)
        response = RequestPairingCodeResponse(code=code)
        response.expires_in.FromMilliseconds(int(seconds * 1000))
        return response

    def StreamQR(self, request: StreamQRRequest, context: Any) -> Iterator[StreamQRResponse]:
        while context.is_active():
            try:
                step = self.steps.get(timeout=0.05)
            except queue.Empty:
                continue
            if isinstance(step, MeshError):
                _refuse(context, step)
            yield step
            if step.HasField("paired"):
                return


@pytest.fixture
def bots() -> Bots:
    return Bots()


@pytest.fixture
def gateway(bots: Bots) -> Iterator[str]:
    with serving(bots, TenantServiceServicer()) as address:
        yield address


def call(gateway: str, *options: str) -> Result:
    arguments = ["--gateway", gateway, *options, "pair", "norte", "--phone", NUMBER]
    return CliRunner().invoke(app, arguments)


def phone_code(code: str, number: str = NUMBER) -> StreamQRResponse:
    return StreamQRResponse(phone_code=PhoneCode(phone_number=number, code=code))


def test_the_code_is_shown_until_the_account_is_linked(gateway: str, bots: Bots) -> None:
    bots.answers = [("ABCD-EFGH", 160, [phone_code("ABCD-EFGH"), PAIRED])]
    result = call(gateway)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "code (160 s): ABCD-EFGH",
        "WhatsApp > Linked devices > Link a device > Link with phone number instead",
        f"paired as {NUMBER}",
    ]
    assert bots.asked == [NUMBER]


def test_a_script_gets_objects(gateway: str, bots: Bots) -> None:
    bots.answers = [("ABCD-EFGH", 160, [PAIRED])]
    result = call(gateway, "--json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"pairing_code": {"code": "ABCD-EFGH", "expires_in": "160s"}},
        {"paired": {"phone_number": NUMBER}},
    ]


def test_a_code_that_runs_out_is_followed_by_another(gateway: str, bots: Bots) -> None:
    bots.answers = [("ABCD-EFGH", 0.2, []), ("JKLM-NPQR", 160, [PAIRED])]
    result = call(gateway)
    assert result.exit_code == 0
    assert "JKLM-NPQR" in result.stdout
    assert len(bots.asked) == 2


def test_a_try_that_failed_is_told_and_followed_by_another_code(gateway: str, bots: Bots) -> None:
    failed = StreamQRResponse(failed=PairingFailed(reason="PAIRING_FAILED", message="no"))
    bots.answers = [("ABCD-EFGH", 160, [failed]), ("JKLM-NPQR", 160, [PAIRED])]
    result = call(gateway)
    assert result.exit_code == 0
    assert "failed: no (PAIRING_FAILED)" in result.stdout
    assert result.stdout.splitlines()[-1] == f"paired as {NUMBER}"


def test_a_new_botnode_process_is_asked_again(gateway: str, bots: Bots) -> None:
    qr_code = StreamQRResponse(code=QRCode(code="of another round"))
    bots.answers = [
        ("ABCD-EFGH", 160, [qr_code]),
        ("ABCD-EFGH", 100, [qr_code]),  # it was only the next code of the same round
        ("JKLM-NPQR", 160, [PAIRED]),
    ]
    result = call(gateway)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("code")] == [
        "code (160 s): ABCD-EFGH",
        "code (160 s): JKLM-NPQR",
    ]


def test_a_passkey_ends_it(gateway: str, bots: Bots) -> None:
    asked = PasskeyRequired(reason="PASSKEY_REQUIRED", message="a passkey is asked for")
    bots.answers = [("ABCD-EFGH", 160, [StreamQRResponse(passkey_required=asked)])]
    result = call(gateway)
    assert result.exit_code == 1
    assert result.stderr == "botmesh: a passkey is asked for (PASSKEY_REQUIRED)\n"
    assert bots.asked == [NUMBER]


def test_another_number_ends_it(gateway: str, bots: Bots) -> None:
    bots.answers = [("ABCD-EFGH", 160, [phone_code("STVW-XYZ1", "+5215598765432")])]
    result = call(gateway)
    assert result.exit_code == 1
    assert "another number" in result.stderr
    assert bots.asked == [NUMBER]


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (invalid("phone_number", "is not a possible phone number"), 1, "possible phone number"),
        (
            MeshError(Reason.SESSION_ALREADY_PAIRED, "linked already"),
            1,
            "botmesh logout norte",
        ),
        (
            MeshError(Reason.RATE_LIMITED, "too often", retry_after=timedelta(minutes=10)),
            3,
            "too often (RATE_LIMITED)",
        ),
        (MeshError(Reason.PAIRING_REFUSED, "no code"), 1, "botmesh qr norte"),
    ],
)
def test_no_code(gateway: str, bots: Bots, error: MeshError, status: int, words: str) -> None:
    bots.answers = [error]
    result = call(gateway)
    assert result.exit_code == status
    assert words in result.stderr


def test_nobody_types_it_in(gateway: str, bots: Bots) -> None:
    bots.answers = [("ABCD-EFGH", 160, [])]
    bots.steps.put(MeshError(Reason.PAIRING_TIMED_OUT, "nobody scanned a code in time"))
    result = call(gateway)
    assert result.exit_code == 3
    assert "PAIRING_TIMED_OUT" in result.stderr


def test_the_number_is_required(gateway: str) -> None:
    result = CliRunner().invoke(app, ["--gateway", gateway, "pair", "norte"])
    assert result.exit_code == 2
