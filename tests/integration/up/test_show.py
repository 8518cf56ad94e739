"""What `botmesh up` shows of the tenants."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from botmesh.up import show
from botmesh.up.settings import UpSettings
from botmesh.v1 import ListTenantsRequest, ListTenantsResponse, Tenant, tenant_pb2_grpc

LIMIT_S = 10.0


class Tenants(tenant_pb2_grpc.TenantServiceServicer):
    """A gateway that counts how often it is asked."""

    def __init__(self) -> None:
        self.names = ["a"]
        self.asked = 0

    async def ListTenants(self, _request: ListTenantsRequest, _context: Any) -> ListTenantsResponse:
        self.asked += 1
        return ListTenantsResponse(tenants=[Tenant(tenant_id=name) for name in self.names])


class Shown:
    """A view that keeps what it is given."""

    def __init__(self) -> None:
        self.pictures: list[list[str]] = []

    def say(self, text: str) -> None:
        pass

    def show(self, tenants: Sequence[Tenant]) -> None:
        self.pictures.append([tenant.tenant_id for tenant in tenants])

    def close(self) -> None:
        pass


async def _until(what: Any) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not what():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


@asynccontextmanager
async def _showing(tenants: Tenants, view: Shown, tmp_path: Path) -> AsyncIterator[None]:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    tenant_pb2_grpc.add_TenantServiceServicer_to_server(tenants, server)
    await server.start()
    settings = UpSettings(gateway_port=port, data_dir=tmp_path)
    told = asyncio.get_running_loop().create_future()
    showing = asyncio.create_task(show.show_until(told, settings, [], view))
    try:
        yield
    finally:
        told.set_result(None)
        await showing
        await server.stop(0)


async def test_only_what_changed_is_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "ASK_S", 0.001)
    monkeypatch.setattr(show, "CALM_ASK_S", 0.001)
    tenants, view = Tenants(), Shown()
    async with _showing(tenants, view, tmp_path):
        await _until(lambda: tenants.asked > show.CALM_AFTER + 5)
        assert view.pictures == [["a"]]
        tenants.names.append("b")
        await _until(lambda: view.pictures == [["a"], ["a", "b"]])


async def test_tenants_that_stand_still_are_asked_for_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(show, "ASK_S", 0.001)
    monkeypatch.setattr(show, "CALM_ASK_S", LIMIT_S)
    tenants, view = Tenants(), Shown()
    async with _showing(tenants, view, tmp_path):
        await _until(lambda: tenants.asked == show.CALM_AFTER + 1)
        await asyncio.sleep(0.05)  # long for one that does not rest
        assert tenants.asked == show.CALM_AFTER + 1
