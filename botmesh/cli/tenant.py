"""``botmesh tenant ...``: who the tenants are, and whether their botnodes run."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated

import grpc
import typer

from botmesh.cli import output
from botmesh.cli.connection import channel, timeout_s
from botmesh.errors import Reason, from_rpc_error
from botmesh.v1 import (
    CreateTenantRequest,
    DeleteTenantRequest,
    DesiredState,
    GetTenantRequest,
    ListTenantsRequest,
    ObservedState,
    Pacing,
    RestartTenantRequest,
    SessionState,
    StartTenantRequest,
    StopTenantRequest,
    Tenant,
    TenantServiceStub,
    UpdateTenantRequest,
)

app = typer.Typer(help="Add, list, start, stop and remove tenants.", no_args_is_help=True)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]
Wait = Annotated[bool, typer.Option(help="Wait until it took effect.")]

MessagesPerMinute = Annotated[
    int | None, typer.Option(help="How many messages it sends in a minute at most; 0: any number.")
]
NewChatsPerDay = Annotated[
    int | None, typer.Option(help="How many chats it begins in 24 hours at most; 0: any number.")
]
Pause = Annotated[
    tuple[float, float] | None,
    typer.Option(help="How long it rests between two messages: at least, and at most, in seconds."),
]

Proxy = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The proxy through which it reaches WhatsApp: http://, https:// or "
        "socks5://[USER:PASSWORD@]HOST:PORT. '-' asks for it, or reads it from a pipe, so that "
        "no password stands in the shell's history.",
    ),
]

# How often a waiting command asks, and how long at most.
POLL_S = 0.1
WAIT_S = 20.0
PAGE = 500


@app.command()
def add(
    context: typer.Context,
    tenant_id: Annotated[
        str, typer.Argument(metavar="[TENANT]", help="Its id; made from the name when left out.")
    ] = "",
    name: Annotated[str, typer.Option(help="Its name for people.")] = "",
    port: Annotated[int, typer.Option(help="Its botnode's port; given out when 0.")] = 0,
    stopped: Annotated[bool, typer.Option("--stopped", help="Do not start it.")] = False,
    messages_per_minute: MessagesPerMinute = None,
    new_chats_per_day: NewChatsPerDay = None,
    pause: Pause = None,
    proxy: Proxy = None,
) -> None:
    """Add a tenant and start its botnode."""
    request = CreateTenantRequest(
        tenant_id=tenant_id,
        name=name,
        bot_port=port,
        stopped=stopped,
        pacing=_pacing(Pacing(), messages_per_minute, new_chats_per_day, pause),
        proxy_url=_proxy(proxy),
    )
    with channel(context.obj) as opened:
        answer = TenantServiceStub(opened).CreateTenant(request, timeout=timeout_s())
    _show(answer.tenant)


@app.command("list")
def list_(context: typer.Context) -> None:
    """List the tenants."""
    with channel(context.obj) as opened:
        tenants = list(all_tenants(TenantServiceStub(opened)))
    if output.is_json():
        for tenant in tenants:
            output.emit(output.as_dict(tenant))
        return
    output.show_table(HEADERS, [row(tenant) for tenant in tenants])
    if not tenants:
        output.say("No tenants yet. Add one: botmesh tenant add --name 'Mundo Apple'")


@app.command()
def show(context: typer.Context, tenant_id: TenantId) -> None:
    """Show one tenant."""
    with channel(context.obj) as opened:
        _show(_get(TenantServiceStub(opened), tenant_id))


@app.command()
def update(
    context: typer.Context,
    tenant_id: TenantId,
    name: Annotated[str | None, typer.Option(help="Its new name.")] = None,
    port: Annotated[int | None, typer.Option(help="Its port from the next start on.")] = None,
    messages_per_minute: MessagesPerMinute = None,
    new_chats_per_day: NewChatsPerDay = None,
    pause: Pause = None,
    usual_pace: Annotated[
        bool, typer.Option("--usual-pace", help="Back to the pace of the mesh's settings.")
    ] = False,
    proxy: Proxy = None,
    no_proxy: Annotated[
        bool, typer.Option("--no-proxy", help="Without a proxy of its own.")
    ] = False,
) -> None:
    """Change a tenant; a new pace or proxy starts its botnode anew."""
    if no_proxy and proxy is not None:
        raise typer.BadParameter("--proxy and --no-proxy exclude each other")
    proxy_url = "" if no_proxy else _proxy(proxy)
    request = UpdateTenantRequest(
        tenant_id=tenant_id, name=name, bot_port=port, proxy_url=proxy_url
    )
    with channel(context.obj) as opened:
        stub = TenantServiceStub(opened)
        if usual_pace or (messages_per_minute, new_chats_per_day, pause) != (None, None, None):
            before = Pacing() if usual_pace else _get(stub, tenant_id).pacing
            pace = _pacing(before, messages_per_minute, new_chats_per_day, pause)
            request.pacing.CopyFrom(pace)
        _show(stub.UpdateTenant(request, timeout=timeout_s()).tenant)


@app.command()
def start(context: typer.Context, tenant_id: TenantId, wait: Wait = True) -> None:
    """Start a tenant's botnode."""
    with channel(context.obj) as opened:
        stub = TenantServiceStub(opened)
        tenant = stub.StartTenant(
            StartTenantRequest(tenant_id=tenant_id), timeout=timeout_s()
        ).tenant
        _show(_await(stub, tenant, _settled(ObservedState.OBSERVED_STATE_RUNNING), wait=wait))


@app.command()
def stop(context: typer.Context, tenant_id: TenantId, wait: Wait = True) -> None:
    """Stop a tenant's botnode; its account stays linked."""
    with channel(context.obj) as opened:
        stub = TenantServiceStub(opened)
        tenant = stub.StopTenant(StopTenantRequest(tenant_id=tenant_id), timeout=timeout_s()).tenant
        _show(_await(stub, tenant, _settled(ObservedState.OBSERVED_STATE_STOPPED), wait=wait))


@app.command()
def restart(context: typer.Context, tenant_id: TenantId, wait: Wait = True) -> None:
    """End a tenant's botnode and start a new one."""
    with channel(context.obj) as opened:
        stub = TenantServiceStub(opened)
        tenant = stub.RestartTenant(
            RestartTenantRequest(tenant_id=tenant_id), timeout=timeout_s()
        ).tenant
        _show(_await(stub, tenant, _settled(ObservedState.OBSERVED_STATE_RUNNING), wait=wait))


@app.command()
def rm(
    context: typer.Context,
    tenant_id: TenantId,
    delete_data: Annotated[
        bool,
        typer.Option("--delete-data", help="Also unlink the account and remove its folder."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = True,
) -> None:
    """Remove a tenant."""
    what = "and its folder with keys and messages " if delete_data else ""
    if not yes:
        typer.confirm(f"Remove tenant {tenant_id} {what}for good?", abort=True, err=True)
    with channel(context.obj) as opened:
        stub = TenantServiceStub(opened)
        request = DeleteTenantRequest(tenant_id=tenant_id, delete_data=delete_data)
        tenant = stub.DeleteTenant(request, timeout=timeout_s()).tenant
        gone = not wait or _await_gone(stub, tenant_id)
    if output.is_json():
        output.emit(output.as_dict(tenant))
    elif wait and gone:
        output.say(f"{tenant_id} is gone.")
    else:
        output.say(f"{tenant_id} is going; the host removes the rest.")


def _pacing(
    before: Pacing,
    messages_per_minute: int | None,
    new_chats_per_day: int | None,
    pause: tuple[float, float] | None,
) -> Pacing:
    """The pace with what was given on the command line."""
    pacing = Pacing(messages_per_minute=messages_per_minute, new_chats_per_day=new_chats_per_day)
    if pause is not None:
        for found, seconds in zip((pacing.least_pause, pacing.most_pause), pause, strict=True):
            found.FromMilliseconds(round(seconds * 1000))
            found.SetInParent()
    after = Pacing()
    after.CopyFrom(before)
    after.MergeFrom(pacing)
    return after


def _proxy(given: str | None) -> str | None:
    """The proxy that was given on the command line, or is asked for."""
    if given != "-":
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Proxy", hide_input=True, err=True)).strip()
    if not (url := sys.stdin.readline().strip()):
        raise typer.BadParameter("--proxy -: there is no address in the input")
    return url


def _pace(tenant: Tenant) -> str:
    """What the tenant is set to itself."""
    pacing, words = tenant.pacing, []
    if pacing.HasField("messages_per_minute"):
        words.append(f"{pacing.messages_per_minute or 'any number of'} messages a minute")
    if pacing.HasField("new_chats_per_day"):
        words.append(f"{pacing.new_chats_per_day or 'any number of'} new chats in 24 hours")
    if pacing.HasField("most_pause"):
        least, most = (p.ToMilliseconds() / 1000 for p in (pacing.least_pause, pacing.most_pause))
        words.append(f"pauses of {least:g} to {most:g} s")
    return ", ".join(words)


HEADERS = ("tenant", "name", "port", "pid", "wanted", "botnode", "session", "number")


def row(tenant: Tenant) -> tuple[object, ...]:
    """A tenant as a row under HEADERS."""
    return (
        tenant.tenant_id,
        tenant.name,
        _port(tenant),
        tenant.pid or "",
        output.enum_word(DesiredState.Name(tenant.desired_state), "DESIRED_STATE_"),
        output.enum_word(ObservedState.Name(tenant.observed_state), "OBSERVED_STATE_"),
        output.enum_word(SessionState.Name(tenant.session_state), "SESSION_STATE_"),
        tenant.phone_number,
    )


def all_tenants(stub: TenantServiceStub) -> Iterator[Tenant]:
    """Every tenant, page by page."""
    token = ""
    while True:
        request = ListTenantsRequest(page_size=PAGE, page_token=token)
        page = stub.ListTenants(request, timeout=timeout_s())
        yield from page.tenants
        token = page.next_page_token
        if not token:
            return


def _port(tenant: Tenant) -> str:
    """The port that the botnode has; the one it prefers while it has none."""
    return tenant.address.rpartition(":")[2] or str(tenant.bot_port)


def _show(tenant: Tenant) -> None:
    output.show(
        tenant,
        [
            *zip(HEADERS, row(tenant), strict=True),
            ("address", tenant.address),
            ("restarts", tenant.restarts or ""),
            ("last exit", tenant.last_exit),
            ("pace", _pace(tenant)),
            ("proxy", tenant.proxy_url),
            ("home", tenant.home),
            ("created", tenant.create_time.ToJsonString()),
        ],
    )


def _get(stub: TenantServiceStub, tenant_id: str) -> Tenant:
    return stub.GetTenant(GetTenantRequest(tenant_id=tenant_id), timeout=timeout_s()).tenant


Settled = Callable[[Tenant], bool]


def _settled(state: ObservedState) -> Settled:
    ends = {state, ObservedState.OBSERVED_STATE_FAILED}

    def settled(tenant: Tenant) -> bool:
        current = tenant.observed_generation >= tenant.desired_generation
        return current and tenant.observed_state in ends

    return settled


def _await(stub: TenantServiceStub, tenant: Tenant, settled: Settled, *, wait: bool) -> Tenant:
    deadline = time.monotonic() + WAIT_S
    while wait and not settled(tenant):
        if time.monotonic() > deadline:
            output.fail(
                f"{tenant.tenant_id} did not get there within {WAIT_S:.0f} s; is a host running?",
                exit_code=output.EXIT_RETRY,
            )
        time.sleep(POLL_S)
        tenant = _get(stub, tenant.tenant_id)
    return tenant


def _await_gone(stub: TenantServiceStub, tenant_id: str) -> bool:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            _get(stub, tenant_id)
        except grpc.RpcError as error:
            known = from_rpc_error(error)
            if known is not None and known.reason is Reason.TENANT_NOT_FOUND:
                return True
            raise
        time.sleep(POLL_S)
    return False
