"""A real neonize is linked to a simulated phone by a code that is typed into it."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from botmesh.sandbox.v1 import EnterCodeRequest, RequirePasskey, ShortQr
from botmesh.sandbox.v1 import RefusePhoneCode as Refuse
from tests.e2e.sandbox.test_pairing import reason

pytestmark = pytest.mark.e2e
BROWSER = ("Chrome", "Linux")


async def ask(client: Any, number: str, calls_itself: tuple[str, str] = BROWSER) -> dict[str, Any]:
    """Have an unpaired client ask for a number's code."""
    await client.event("Qr")
    answer: dict[str, Any] = await client.do("pair_phone", number=number, calls_itself=calls_itself)
    return answer


async def refusal(world: Any, number: str, code: str) -> grpc.aio.AioRpcError:
    """How a code that is typed in is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.api.EnterCode(EnterCodeRequest(phone=number, code=code))
    return caught.value


def other_than(code: str) -> str:
    """A code that is wrong in its last letter."""
    return code[:-1] + ("2" if code[-1] != "2" else "3")


async def test_a_code_links_the_device_and_logs_it_in(world: Any) -> None:
    number, client = world.number(), await world.client()
    code = (await ask(client, number))["code"]
    assert len(code) == 9
    assert code[4] == "-"
    device = (await world.api.EnterCode(EnterCodeRequest(phone=number, code=code))).device
    assert device.jid == f"{number}:1@s.whatsapp.net"
    assert device.connected
    await client.event("PairStatus")
    await client.event("Connected")
    other, other_number = await world.paired()
    await other.send(number, "hola")
    assert (await client.event("Message"))["text"] == "hola"
    await client.send(other_number, "adios")
    assert (await other.event("Message"))["text"] == "adios"


async def test_a_wrong_code_is_found_out_and_the_right_one_still_works(world: Any) -> None:
    number, client = world.number(), await world.client()
    code = (await ask(client, number))["code"]
    error = await refusal(world, number, other_than(code))
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(error) == "SCAN_PROBLEM_WRONG"
    spelled = code.replace("-", "").lower()
    device = (await world.api.EnterCode(EnterCodeRequest(phone=number, code=spelled))).device
    assert device.connected


async def test_codes_that_nobody_waits_for(world: Any) -> None:
    error = await refusal(world, world.number(), "ABCD-EFGH")
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert reason(error) == "SCAN_PROBLEM_UNKNOWN"
    error = await refusal(world, world.number(), "OIU0")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(error) == "SCAN_PROBLEM_MALFORMED"


async def test_a_code_dies_with_the_line(world: Any, eventually: Any) -> None:
    short = ShortQr(codes=6, lifetime=Duration(seconds=1))
    await world.fault(short_qr=short, times=1)
    number, client = world.number(), await world.client()
    code = (await ask(client, number))["code"]

    async def expired() -> bool:
        return reason(await refusal(world, number, other_than(code))) == "SCAN_PROBLEM_EXPIRED"

    await eventually(expired)


async def test_only_the_last_code_of_a_number_works(world: Any) -> None:
    number, client = world.number(), await world.client()
    first = (await ask(client, number))["code"]
    answer = await client.do("pair_phone", number=number, calls_itself=BROWSER)
    assert answer["code"] != first
    assert reason(await refusal(world, number, first)) == "SCAN_PROBLEM_WRONG"
    await world.api.EnterCode(EnterCodeRequest(phone=number, code=answer["code"]))


async def test_a_number_can_be_refused(world: Any) -> None:
    number, client = world.number(), await world.client()
    await world.fault(refuse_phone_code=Refuse(code=429), phone=number, times=1)
    assert "429: rate-overlimit" in (await ask(client, number))["error"]
    answer = await client.do("pair_phone", number=number, calls_itself=BROWSER)
    await world.api.EnterCode(EnterCodeRequest(phone=number, code=answer["code"]))


async def test_a_device_that_is_no_known_browser_is_refused(world: Any) -> None:
    client = await world.client()
    answer = await ask(client, world.number(), ("ELECTRON", "Linux"))
    assert "400: bad-request" in answer["error"]


async def test_an_account_with_a_passkey_is_not_linked(world: Any) -> None:
    number, client = world.number(), await world.client()
    await world.fault(require_passkey=RequirePasskey(), phone=number)
    error = await refusal(world, number, (await ask(client, number))["code"])
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason(error) == "SCAN_PROBLEM_PASSKEY"


async def test_a_device_that_goes_away_meanwhile(world: Any) -> None:
    number, client = world.number(), await world.client()
    code = (await ask(client, number))["code"]
    typing = asyncio.ensure_future(refusal(world, number, other_than(code)))
    await client.kill()
    assert reason(await typing) in ("SCAN_PROBLEM_LOST", "SCAN_PROBLEM_EXPIRED")
