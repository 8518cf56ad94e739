"""Pairing by phone code, with a library that does what the test says."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import grpc
import pytest

from botmesh.errors import Reason
from botmesh.v1 import bot_pb2
from botnode import pairer as pairer_module
from botnode.ports import (
    ClientOutdated,
    Connected,
    DiskFailure,
    Ended,
    PairingCodeError,
    PairingEnded,
    TemporaryBan,
)
from botnode.states import SessionState
from tests.integration.botnode.conftest import Node, error_of, eventually, typed_errors
from tests.integration.botnode.fake_whatsapp import ACCOUNT

S = SessionState
NUMBER = ACCOUNT.phone_number
OTHER = "+5215598765432"


async def asked(node: Node, number: str = NUMBER, opened: int = 1) -> "asyncio.Task[str]":
    """A code is asked for, and a client is there that shows a QR code."""

    async def request() -> str:
        return (await node.request_code(number)).code

    task = asyncio.create_task(request())
    await eventually(lambda: node.whatsapp.opened == opened)
    return task


async def watched(node: Node) -> AsyncIterator[bot_pb2.StreamQRResponse]:
    """A watcher that has seen the first QR code, which is A, and waits for what follows."""
    steps = node.stream_qr()
    first = asyncio.ensure_future(anext(steps))
    await eventually(lambda: node.whatsapp.opened)
    node.whatsapp.show("A")
    assert (await first).code.code == "A"
    return steps


def refusing(text: str) -> "object":
    def refuse(_number: str) -> str:
        raise PairingCodeError(text)

    return refuse


async def test_a_code_dials_and_pairs_without_a_watcher(unpaired: Node) -> None:
    task = await asked(unpaired)
    assert unpaired.whatsapp.numbers == []  # the library takes no number before its first QR code
    unpaired.whatsapp.show("A")
    assert await task == "ABCD-EFGH"
    assert unpaired.whatsapp.numbers == [NUMBER]
    assert unpaired.machine.state is S.PAIRING
    unpaired.whatsapp.scan()
    await unpaired.until(S.CONNECTED)
    assert (await error_of(unpaired.request_code())).reason is Reason.SESSION_ALREADY_PAIRED


async def test_the_same_number_gets_the_same_code_and_another_its_own(unpaired: Node) -> None:
    codes = iter(["ABCD-EFGH", "JKLM-NPQR", "STVW-XYZ1"])
    unpaired.whatsapp.pairing_code = lambda _: next(codes)
    task = await asked(unpaired)
    unpaired.whatsapp.show("A")
    assert await task == "ABCD-EFGH"
    answer = await unpaired.request_code("+52 1 55 1234 5678")
    assert answer.code == "ABCD-EFGH"
    assert 150 < answer.expires_in.seconds <= 160
    assert (await unpaired.request_code(OTHER)).code == "JKLM-NPQR"
    assert (await unpaired.request_code(NUMBER)).code == "STVW-XYZ1"
    assert unpaired.whatsapp.numbers == [NUMBER, OTHER, NUMBER]
    assert unpaired.whatsapp.opened == 1


async def test_watchers_see_the_phone_code_beside_the_qr_code(unpaired: Node) -> None:
    steps = await watched(unpaired)
    await unpaired.request_code()
    step = (await anext(steps)).phone_code
    assert (step.phone_number, step.code) == (NUMBER, "ABCD-EFGH")
    assert 150 < step.expires_in.seconds <= 160
    unpaired.whatsapp.show("B")
    assert (await anext(steps)).code.code == "B"
    late = unpaired.stream_qr()
    kinds = {(await anext(late)).WhichOneof("step") for _ in range(2)}
    assert kinds == {"code", "phone_code"}
    assert (await unpaired.request_code()).code == "ABCD-EFGH"
    unpaired.whatsapp.scan()
    assert (await anext(steps)).paired.phone_number == NUMBER
    assert (await anext(late)).paired.phone_number == NUMBER


@pytest.mark.parametrize("number", ["", "5215512345678", "+12", "hello"])
async def test_a_wrong_number_is_refused_before_anything_is_dialled(
    unpaired: Node, number: str
) -> None:
    error = await error_of(unpaired.request_code(number))
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["phone_number"]
    assert unpaired.whatsapp.opened == 0
    assert unpaired.machine.state is S.UNPAIRED


async def test_a_paired_tenant(node: Node) -> None:
    error = await error_of(node.request_code())
    assert error.reason is Reason.SESSION_ALREADY_PAIRED
    assert error.code is grpc.StatusCode.FAILED_PRECONDITION
    assert node.whatsapp.numbers == []


@pytest.mark.parametrize(
    ("text", "reason", "waits"),
    [
        ("info query returned status 429: rate-overlimit", Reason.RATE_LIMITED, True),
        ("info query returned status 400: bad-request", Reason.PAIRING_REFUSED, False),
        ("info query timed out", Reason.PAIRING_FAILED, True),
    ],
)
async def test_whatsapp_gives_no_code(
    unpaired: Node, text: str, reason: Reason, waits: bool
) -> None:
    unpaired.whatsapp.pairing_code = refusing(text)
    task = await asked(unpaired)
    unpaired.whatsapp.show("A")
    error = await error_of(task)
    assert error.reason is reason
    assert (error.retry_after is not None) is waits
    unpaired.whatsapp.pairing_code = lambda _: "ABCD-EFGH"
    if reason is Reason.RATE_LIMITED:  # WhatsApp is left alone
        assert (await error_of(unpaired.request_code())).reason is reason
        assert len(unpaired.whatsapp.numbers) == 1
    else:
        assert (await unpaired.request_code()).code == "ABCD-EFGH"
    assert (await unpaired.request_code(OTHER)).code == "ABCD-EFGH"
    assert unpaired.whatsapp.opened == 1


@pytest.mark.parametrize(
    ("signal", "reason"),
    [
        (Ended("no route to host"), Reason.PAIRING_FAILED),
        (PairingEnded("error"), Reason.PAIRING_FAILED),
        (PairingEnded("passkey-request"), Reason.PASSKEY_REQUIRED),
        (TemporaryBan("banned", timedelta(seconds=600)), Reason.ACCOUNT_BANNED),
        (ClientOutdated(), Reason.CLIENT_OUTDATED),
        (DiskFailure("no space left on device"), Reason.STORAGE_FULL),
    ],
)
async def test_a_round_that_comes_to_nothing_fails_who_waits(
    unpaired: Node, signal: object, reason: Reason
) -> None:
    task = await asked(unpaired)
    unpaired.whatsapp.say(signal)
    assert (await error_of(task)).reason is reason


async def test_a_banned_account_is_told_at_once(unpaired: Node) -> None:
    task = await asked(unpaired)
    unpaired.whatsapp.say(TemporaryBan("banned", timedelta(seconds=600)))
    assert (await error_of(task)).reason is Reason.ACCOUNT_BANNED
    await unpaired.until(S.BANNED)
    assert (await error_of(unpaired.request_code())).reason is Reason.ACCOUNT_BANNED


async def test_a_passkey_is_told_and_a_new_round_follows(unpaired: Node) -> None:
    steps = await watched(unpaired)
    await unpaired.request_code()
    assert (await anext(steps)).HasField("phone_code")
    unpaired.whatsapp.say(PairingEnded("passkey-request"))
    asked_for = (await anext(steps)).passkey_required
    assert asked_for.reason == Reason.PASSKEY_REQUIRED
    assert "passkey" in asked_for.message
    await eventually(lambda: unpaired.whatsapp.opened == 2)
    assert "passkey" in (await unpaired.session()).last_error
    unpaired.whatsapp.show("B")
    assert (await anext(steps)).code.code == "B"
    unpaired.whatsapp.pairing_code = lambda _: "JKLM-NPQR"
    assert (await unpaired.request_code()).code == "JKLM-NPQR"  # the first one is void


async def test_a_round_that_ends_early_voids_the_code(unpaired: Node) -> None:
    steps = await watched(unpaired)
    await unpaired.request_code()
    await anext(steps)
    unpaired.whatsapp.say(PairingEnded("timeout"))
    failed = (await anext(steps)).failed
    assert failed.reason == Reason.PAIRING_FAILED
    assert "void" in failed.message


async def test_a_code_with_too_little_time_gets_a_round_of_its_own(
    unpaired: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairer_module, "ROUND_LIFE", timedelta(seconds=59))
    _steps = await watched(unpaired)
    monkeypatch.undo()
    task = await asked(unpaired, opened=2)
    assert not task.done()
    unpaired.whatsapp.show("B")
    assert await task == "ABCD-EFGH"
    assert unpaired.whatsapp.numbers == [NUMBER]


async def test_a_line_that_is_lost_meanwhile_is_followed_by_a_round_that_gives_the_code(
    unpaired: Node,
) -> None:
    unpaired.whatsapp.pairing_code = refusing("websocket not connected")
    task = await asked(unpaired)
    unpaired.whatsapp.show("A")
    await eventually(lambda: unpaired.whatsapp.opened == 2)
    assert not task.done()
    unpaired.whatsapp.pairing_code = lambda _: "ABCD-EFGH"
    unpaired.whatsapp.show("B")
    assert await task == "ABCD-EFGH"


async def test_whatsapp_is_left_when_the_round_is_over(unpaired: Node) -> None:
    task = await asked(unpaired)
    unpaired.whatsapp.show("A")
    await task
    unpaired.whatsapp.say(PairingEnded("timeout"))
    await unpaired.until(S.UNPAIRED)
    assert unpaired.whatsapp.opened == 1


async def test_a_caller_that_went_away_is_not_waited_for(unpaired: Node) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await unpaired.request_code(timeout_s=0.05)
    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await unpaired.until(S.UNPAIRED)  # no code came: the round is over, and nobody waits
    assert not unpaired.tenant.hub.wanted


async def test_stopping_answers_who_waits(unpaired: Node) -> None:
    task = await asked(unpaired)
    unpaired.services.stop()
    assert (await error_of(task)).reason is Reason.SHUTTING_DOWN


async def test_a_code_in_hand_when_the_account_is_linked(unpaired: Node) -> None:
    task = await asked(unpaired)
    unpaired.whatsapp.stored = ACCOUNT
    unpaired.whatsapp.say(Connected(ACCOUNT))
    assert (await error_of(task)).reason is Reason.SESSION_ALREADY_PAIRED


async def test_another_tenants_request_is_refused(unpaired: Node) -> None:
    request = bot_pb2.RequestPairingCodeRequest(tenant_id="another", phone_number=NUMBER)

    async def call() -> object:
        with typed_errors():
            return await unpaired.stub.RequestPairingCode(request, metadata=unpaired.metadata)

    assert (await error_of(call())).reason is Reason.WRONG_BOTNODE
