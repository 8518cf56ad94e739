"""TenantService: the registry's verbs on the wire."""

# ruff: noqa: ARG002 - the contract's names, gRPC's signature

import functools
from collections.abc import Callable
from datetime import datetime
from typing import Any

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from botmesh.errors import MeshError, Violation, invalid_fields
from botmesh.rpc.names import check_tenant_id
from botmesh.rpc.proxy_url import without_password
from botmesh.v1 import session_pb2, tenant_pb2, tenant_pb2_grpc
from gateway.resolver import Resolver
from registry.pacing import Pacing, check_pacing
from registry.ports import check_port
from registry.service import Tenants, check_name, slug
from registry.tenant import ObservedState, Tenant

Context = grpc.aio.ServicerContext[Any, Any]

# So many tenants are kept as they are shown; with more, the oldest are made anew.
MOST_SHOWN = 4096


class TenantServicer(tenant_pb2_grpc.TenantServiceServicer):
    """Each verb writes what is wanted and answers at once; the host brings it about.

    The resolver is told of each change directly, so that a caller who has just created or started
    a tenant can call it through this gateway without waiting for the feed.
    """

    def __init__(self, tenants: Tenants, resolver: Resolver) -> None:
        self._tenants = tenants
        self._resolver = resolver

    async def CreateTenant(
        self, request: tenant_pb2.CreateTenantRequest, context: Context
    ) -> tenant_pb2.CreateTenantResponse:
        """Add a tenant."""
        problems = _Problems()
        if request.name or not request.tenant_id:
            problems.collect(check_name, request.name)
        if request.tenant_id:
            problems.collect(check_tenant_id, request.tenant_id)
        elif request.name.strip() and not slug(request.name):
            problems.add("tenant_id", "is required: the name has no letters to make one of")
        if request.bot_port:
            problems.collect(check_port, request.bot_port)
        pacing = problems.pacing(request)
        problems.collect(self._tenants.check_proxy, request.proxy_url)
        problems.raise_any()
        tenant = await self._tenants.create(
            request.tenant_id,
            request.name,
            bot_port=request.bot_port,
            running=not request.stopped,
            pacing=pacing,
            proxy_url=request.proxy_url,
        )
        return tenant_pb2.CreateTenantResponse(tenant=self._noted(tenant))

    async def GetTenant(
        self, request: tenant_pb2.GetTenantRequest, context: Context
    ) -> tenant_pb2.GetTenantResponse:
        """Read one tenant."""
        tenant = await self._tenants.get(request.tenant_id)
        return tenant_pb2.GetTenantResponse(tenant=to_message(tenant))

    async def ListTenants(
        self, request: tenant_pb2.ListTenantsRequest, context: Context
    ) -> tenant_pb2.ListTenantsResponse:
        """One page of tenants."""
        page = await self._tenants.list(page_size=request.page_size, page_token=request.page_token)
        return tenant_pb2.ListTenantsResponse(
            tenants=[to_message(tenant) for tenant in page.tenants],
            next_page_token=page.next_page_token,
        )

    async def UpdateTenant(
        self, request: tenant_pb2.UpdateTenantRequest, context: Context
    ) -> tenant_pb2.UpdateTenantResponse:
        """Change some of it."""
        name = request.name if request.HasField("name") else None
        bot_port = request.bot_port if request.HasField("bot_port") else None
        proxy_url = request.proxy_url if request.HasField("proxy_url") else None
        problems = _Problems()
        problems.collect(check_tenant_id, request.tenant_id)
        if name is not None:
            problems.collect(check_name, name)
        if bot_port is not None:
            problems.collect(check_port, bot_port)
        pacing = problems.pacing(request)
        if proxy_url is not None:
            problems.collect(self._tenants.check_proxy, proxy_url)
        problems.raise_any()
        tenant = await self._tenants.update(
            request.tenant_id, name=name, bot_port=bot_port, pacing=pacing, proxy_url=proxy_url
        )
        return tenant_pb2.UpdateTenantResponse(tenant=self._noted(tenant))

    async def DeleteTenant(
        self, request: tenant_pb2.DeleteTenantRequest, context: Context
    ) -> tenant_pb2.DeleteTenantResponse:
        """Want it gone."""
        tenant = await self._tenants.delete(request.tenant_id, delete_data=request.delete_data)
        return tenant_pb2.DeleteTenantResponse(tenant=self._noted(tenant))

    async def StartTenant(
        self, request: tenant_pb2.StartTenantRequest, context: Context
    ) -> tenant_pb2.StartTenantResponse:
        """Want it running."""
        tenant = await self._tenants.start(request.tenant_id)
        return tenant_pb2.StartTenantResponse(tenant=self._noted(tenant))

    async def StopTenant(
        self, request: tenant_pb2.StopTenantRequest, context: Context
    ) -> tenant_pb2.StopTenantResponse:
        """Want it stopped."""
        tenant = await self._tenants.stop(request.tenant_id)
        return tenant_pb2.StopTenantResponse(tenant=self._noted(tenant))

    async def RestartTenant(
        self, request: tenant_pb2.RestartTenantRequest, context: Context
    ) -> tenant_pb2.RestartTenantResponse:
        """Want a fresh process."""
        tenant = await self._tenants.restart(request.tenant_id)
        return tenant_pb2.RestartTenantResponse(tenant=self._noted(tenant))

    def _noted(self, tenant: Tenant) -> tenant_pb2.Tenant:
        self._resolver.set_tenant(tenant)
        return to_message(tenant)


class _Problems:
    """All that is wrong with one request, so that its sender learns it at once."""

    def __init__(self) -> None:
        self._found: list[Violation] = []

    def add(self, field: str, description: str) -> None:
        """Name a field that is wrong."""
        self._found.append(Violation(field, description))

    def collect(self, check: Callable[[Any], object], value: object) -> None:
        """Keep what a check complains about."""
        try:
            check(value)
        except MeshError as error:
            self._found.extend(error.violations)

    def pacing(
        self, request: tenant_pb2.CreateTenantRequest | tenant_pb2.UpdateTenantRequest
    ) -> Pacing | None:
        """The pace that a request asks for, if any; keep what is wrong with it."""
        if not request.HasField("pacing"):
            return None
        given = request.pacing
        least, most = (
            getattr(given, name).ToNanoseconds() // 1_000_000 if given.HasField(name) else None
            for name in ("least_pause", "most_pause")
        )
        pacing = Pacing(
            given.messages_per_minute if given.HasField("messages_per_minute") else None,
            given.new_chats_per_day if given.HasField("new_chats_per_day") else None,
            least,
            most,
        )
        self.collect(check_pacing, pacing)
        return pacing

    def raise_any(self) -> None:
        """Raise INVALID_REQUEST if anything was found."""
        if self._found:
            raise invalid_fields(self._found)


@functools.lru_cache(maxsize=MOST_SHOWN)
def to_message(tenant: Tenant) -> tenant_pb2.Tenant:
    """A tenant's row as the contract shows it; not to be changed.

    Dashboards ask for all of them again and again, and hardly any has changed in between.
    """
    return tenant_pb2.Tenant(
        tenant_id=tenant.tenant_id,
        name=tenant.name,
        bot_port=tenant.bot_port,
        desired_state=f"DESIRED_STATE_{tenant.desired_state}",
        observed_state=None
        if tenant.observed_state is ObservedState.UNOBSERVED
        else f"OBSERVED_STATE_{tenant.observed_state}",
        desired_generation=tenant.desired_generation,
        observed_generation=tenant.observed_generation,
        phone_number=tenant.account or "",
        session_state=_session_state(tenant.session_state),
        address=tenant.address or "",
        pid=tenant.pid or 0,
        restarts=tenant.restarts,
        last_exit=tenant.last_exit or "",
        home=tenant.home or "",
        pacing=_pacing(tenant.pacing),
        proxy_url=without_password(tenant.proxy_url),
        create_time=_timestamp(tenant.create_time),
        update_time=_timestamp(tenant.update_time),
    )


def _pacing(pacing: Pacing) -> tenant_pb2.Pacing:
    return tenant_pb2.Pacing(
        messages_per_minute=pacing.messages_per_minute,
        new_chats_per_day=pacing.new_chats_per_day,
        least_pause=_duration(pacing.least_pause_ms),
        most_pause=_duration(pacing.most_pause_ms),
    )


def _duration(value_ms: int | None) -> Duration | None:
    if value_ms is None:
        return None
    duration = Duration()
    duration.FromMilliseconds(value_ms)
    return duration


def _session_state(name: str | None) -> str | None:
    value = f"SESSION_STATE_{name}"
    # None of it, or a state that only a newer botnode knows.
    return value if value in session_pb2.SessionState.keys() else None  # noqa: SIM118 - no dict


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
