"""A real neonize is linked to a simulated phone by its QR code."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from botmesh.sandbox.v1 import (
    Fault,
    GetSandboxRequest,
    ListDevicesRequest,
    ScanRequest,
    SetFaultRequest,
    ShortQr,
)

pytestmark = pytest.mark.e2e


def reason(error: grpc.aio.AioRpcError) -> str:
    """The ErrorInfo's reason of a refused call."""
    metadata: Any = error.trailing_metadata()
    status = status_pb2.Status.FromString(dict(metadata)["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


async def test_a_scan_links_the_device_and_logs_it_in(world: Any) -> None:
    number = world.number()
    client = await world.client()
    device = await world.scan(client, number)
    assert device.jid == f"{number}:1@s.whatsapp.net"
    assert device.lid.endswith(":1@lid")
    assert device.connected
    await client.event("PairStatus")
    await client.event("Connected")
    listed = (await world.api.ListDevices(ListDevicesRequest(phone=number))).devices
    assert [item.jid for item in listed] == [device.jid]
    assert listed[0].pre_keys == 812


async def test_each_link_gets_a_device_number_of_its_own(world: Any) -> None:
    first, number = await world.paired()
    await first.kill()
    second = await world.client()
    assert (await world.scan(second, number)).device == 2


@pytest.mark.parametrize(
    ("spoil", "code", "why"),
    [
        (lambda text: "hello", grpc.StatusCode.INVALID_ARGUMENT, "SCAN_PROBLEM_MALFORMED"),
        (
            lambda text: text.replace("#2@", "#2@x"),
            grpc.StatusCode.NOT_FOUND,
            "SCAN_PROBLEM_UNKNOWN",
        ),
        (
            lambda text: ",".join((*text.split(",")[:2], *reversed(text.split(",")[2:4]), "1")),
            grpc.StatusCode.INVALID_ARGUMENT,
            "SCAN_PROBLEM_MALFORMED",
        ),
    ],
    ids=["nonsense", "another-ref", "swapped-keys"],
)
async def test_a_wrong_code_is_refused_with_its_reason(
    world: Any, spoil: Any, code: grpc.StatusCode, why: str
) -> None:
    client = await world.client()
    shown = (await client.event("Qr"))["code"]
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.api.Scan(ScanRequest(phone=world.number(), code=spoil(shown)))
    assert caught.value.code() is code
    assert reason(caught.value) == why


async def test_a_device_that_refuses_the_pairing_fails_the_scan(world: Any) -> None:
    client = await world.client()
    shown = (await client.event("Qr"))["code"].split(",")
    wrong_secret = ",".join((*shown[:3], "A" * 43 + "=", shown[4]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.api.Scan(ScanRequest(phone=world.number(), code=wrong_secret))
    assert caught.value.code() is grpc.StatusCode.ABORTED
    assert "hmac-mismatch" in (caught.value.details() or "")


async def test_a_short_life_of_codes_ends_with_the_line(world: Any, eventually: Any) -> None:
    short = ShortQr(codes=1, lifetime=Duration(nanos=200_000_000))
    await world.api.SetFault(SetFaultRequest(fault=Fault(short_qr=short, times=1)))
    client = await world.client()
    shown = (await client.event("Qr"))["code"]

    async def nobody_waits() -> bool:
        return (await world.api.GetSandbox(GetSandboxRequest())).sandbox.waiting_to_pair == 0

    await eventually(nobody_waits)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await world.api.Scan(ScanRequest(phone=world.number(), code=shown))
    assert reason(caught.value) == "SCAN_PROBLEM_UNKNOWN"


async def test_a_client_that_does_not_trust_the_sandbox_stays_out(world: Any) -> None:
    client = await world.client(None, "untrusting")
    error = await client.event("ConnectError")
    assert "failed to verify server cert" in error["text"] or not client.has("Qr")


async def test_two_scans_of_one_code_link_it_once(world: Any) -> None:
    client = await world.client()
    code = (await client.event("Qr"))["code"]
    requests = [ScanRequest(phone=world.number(), code=code) for _ in range(2)]
    results = await asyncio.gather(*map(world.api.Scan, requests), return_exceptions=True)
    refused = [item for item in results if isinstance(item, grpc.aio.AioRpcError)]
    assert [reason(item) for item in refused] == ["SCAN_PROBLEM_USED"]
