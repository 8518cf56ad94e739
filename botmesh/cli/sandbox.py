"""``botmesh sandbox ...``: the sandbox's phones and network do as they are told."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import grpc
import typer

from botmesh.cli import connection, output, sandbox_faults, sandbox_groups
from botmesh.cli.sandbox_line import Phone, phones_of
from botmesh.cli.tenant import all_tenants
from botmesh.rpc.settings import SANDBOX_MESH, default_data_dir
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import BotServiceStub, StreamQRRequest, TenantServiceStub

app = typer.Typer(
    help="Drive the sandbox's phones: scan, write, read, misbehave.", no_args_is_help=True
)

# --all gives the tenants numbers from here on: Mexican mobile numbers that nobody has.
FIRST_NUMBER = 5215500000001
PARALLEL_SCANS = 8

PhoneOption = Annotated[str, typer.Option("--phone", help="A phone's number, e.g. +5215512345678")]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", envvar="BOTMESH_DATA_DIR", help="The sandbox mesh's data directory."
    ),
]


app.command("group")(sandbox_groups.group)
app.command("regroup")(sandbox_groups.regroup)
app.command("groups")(sandbox_groups.groups)
app.command("act")(sandbox_groups.act)
app.command("join")(sandbox_groups.join)


@app.callback()
def options(context: typer.Context, data_dir: DataDirOption = None) -> None:
    """Remember where the sandbox's state is."""
    context.meta["data_dir"] = data_dir or default_data_dir(SANDBOX_MESH)


@app.command()
def scan(
    context: typer.Context,
    tenant_id: Annotated[str, typer.Argument(metavar="[TENANT]", help="Whose code.")] = "",
    phone: PhoneOption = "",
    all_: Annotated[
        bool, typer.Option("--all", help="Every tenant, each with a phone of its own.")
    ] = False,
) -> None:
    """Have a phone scan the QR code that a tenant shows."""
    if bool(tenant_id) == all_:
        raise typer.BadParameter("name a tenant or say --all")
    if tenant_id and not phone:
        raise typer.BadParameter("--phone is required with a tenant")
    with connection.channel(context.obj) as mesh, phones_of(context) as phones:
        pairs = [(tenant_id, phone)]
        if all_:
            tenants = [t for t in all_tenants(TenantServiceStub(mesh)) if not t.phone_number]
            pairs = _numbered([t.tenant_id for t in tenants], phones, phone)
        with ThreadPoolExecutor(PARALLEL_SCANS) as pool:
            for line in pool.map(lambda pair: _scan(mesh, phones, *pair), pairs):
                output.emit(line) if output.is_json() else output.say(
                    f"{line['tenant_id']}: paired as {line['phone_number']}"
                )


@app.command()
def enter(
    context: typer.Context,
    phone: Phone,
    code: Annotated[str, typer.Argument(help="The code, as `botmesh pair` shows it.")],
) -> None:
    """Have a phone's user type in the code that links a tenant."""
    with phones_of(context) as stub:
        request = sandbox.EnterCodeRequest(phone=phone, code=code)
        device = stub.EnterCode(request, timeout=connection.timeout_s()).device
    output.emit(output.as_dict(device)) if output.is_json() else output.say(
        f"linked {device.jid} to {device.phone}"
    )


@app.command()
def write(
    context: typer.Context,
    phone: Phone,
    to: Annotated[str, typer.Argument(help="The number, or the group, written to.")],
    text: Annotated[str, typer.Argument(help="The text.")],
) -> None:
    """Have a phone write a text."""
    with phones_of(context) as phones:
        request = sandbox.WriteMessageRequest(phone=phone, to=to, text=text)
        show_message(phones.WriteMessage(request, timeout=connection.timeout_s()).message)


@app.command()
def inbox(
    context: typer.Context,
    phone: Phone,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as they come.")] = False,
) -> None:
    """Show a phone's messages, as the phone decrypted them."""
    with phones_of(context) as phones:
        if follow:
            for item in phones.StreamMessages(sandbox.StreamMessagesRequest(phone=phone)):
                show_message(item.message)
            return
        for message in _messages(phones, phone):
            show_message(message)


@app.command()
def read(
    context: typer.Context,
    phone: Phone,
    message_id: Annotated[str, typer.Argument(help="WhatsApp's id of the message.")],
) -> None:
    """Have a phone read a message that it received."""
    with phones_of(context) as phones:
        request = sandbox.MarkReadRequest(phone=phone, message_id=message_id)
        show_message(phones.MarkRead(request, timeout=connection.timeout_s()).message)


@app.command("set")
def set_(
    context: typer.Context,
    phone: Phone,
    online: Annotated[bool | None, typer.Option(help="Whether it takes messages.")] = None,
    receipts: Annotated[bool | None, typer.Option(help="Whether it sends receipts.")] = None,
    on_whatsapp: Annotated[bool | None, typer.Option(help="Whether it has WhatsApp.")] = None,
    name: Annotated[str | None, typer.Option(help="The name that others see.")] = None,
) -> None:
    """Change a phone's settings."""
    request = sandbox.SetPhoneRequest(
        phone=phone, online=online, receipts=receipts, on_whatsapp=on_whatsapp, push_name=name
    )
    with phones_of(context) as phones:
        _show_phones([phones.SetPhone(request, timeout=connection.timeout_s()).phone])


@app.command()
def forget(context: typer.Context, phone: Phone) -> None:
    """Have a phone lose its sessions, so that it cannot decrypt what comes next."""
    with phones_of(context) as stub:
        answer = stub.ForgetSessions(sandbox.ForgetSessionsRequest(phone=phone))
    _show_count(answer.forgotten, "forgot", "session")


@app.command()
def phones(context: typer.Context) -> None:
    """List the phones."""
    with phones_of(context) as stub:
        _show_phones(stub.ListPhones(sandbox.ListPhonesRequest()).phones)


@app.command()
def devices(context: typer.Context) -> None:
    """List the linked devices."""
    with phones_of(context) as stub:
        found = stub.ListDevices(sandbox.ListDevicesRequest()).devices
    if output.is_json():
        for device in found:
            output.emit(output.as_dict(device))
        return
    output.show_table(
        ("device", "connected", "logins", "sent", "received", "waiting"),
        [
            (d.jid, _yes(d.connected), d.logins, d.sent_messages, d.received_messages, d.waiting)
            for d in found
        ],
    )


@app.command()
def drop(
    context: typer.Context,
    phone: PhoneOption = "",
    device: Annotated[int, typer.Option(help="Only this device of the phone's.")] = 0,
) -> None:
    """Cut the lines of a phone's devices, or all lines."""
    with phones_of(context) as stub:
        request = sandbox.DropConnectionsRequest(phone=phone, device=device)
        answer = stub.DropConnections(request)
    _show_count(answer.dropped, "cut", "line")


@app.command()
def unlink(context: typer.Context, phone: Phone) -> None:
    """Have a phone unlink its devices."""
    with phones_of(context) as stub:
        answer = stub.LogOutDevice(sandbox.LogOutDeviceRequest(phone=phone))
    _show_count(answer.logged_out, "unlinked", "device")


@app.command()
def replace(context: typer.Context, phone: Phone) -> None:
    """Tell a phone's devices that they logged in elsewhere."""
    with phones_of(context) as stub:
        answer = stub.ReplaceDevice(sandbox.ReplaceDeviceRequest(phone=phone))
    _show_count(answer.replaced, "replaced", "device")


@app.command()
def fault(
    context: typer.Context,
    kind: Annotated[
        str,
        typer.Argument(help=sandbox_faults.KINDS),
    ],
    phone: PhoneOption = "",
    recipient: Annotated[str, typer.Option(help="Only messages to this number or group.")] = "",
    code: Annotated[int, typer.Option(help="The error or ban code.")] = 0,
    seconds: Annotated[float, typer.Option(help="How long a delay, ban or round is.")] = 0,
    codes: Annotated[int, typer.Option(help="How many QR codes there are.")] = 1,
    size: Annotated[
        int, typer.Option("--bytes", help="Where in media it acts, or how fast media goes.")
    ] = 0,
    times: Annotated[int, typer.Option(help="It ends after acting so often.")] = 0,
    last: Annotated[float, typer.Option(help="It ends after so many seconds.")] = 0,
) -> None:
    """Make the network misbehave until `botmesh sandbox clear`."""
    wanted = sandbox_faults.parse(kind, code=code, seconds=seconds, codes=codes, size=size)
    wanted.MergeFrom(sandbox.Fault(phone=phone, recipient=recipient, times=times))
    if last:
        wanted.duration.CopyFrom(sandbox_faults.duration(last))
    with phones_of(context) as stub:
        answer = stub.SetFault(sandbox.SetFaultRequest(fault=wanted))
    _show_faults([answer.fault])


@app.command()
def faults(context: typer.Context) -> None:
    """List the faults that act."""
    with phones_of(context) as stub:
        _show_faults(stub.ListFaults(sandbox.ListFaultsRequest()).faults)


@app.command()
def clear(
    context: typer.Context,
    fault_id: Annotated[int, typer.Argument(help="The fault; all when left out.")] = 0,
) -> None:
    """End one fault, or all."""
    with phones_of(context) as stub:
        answer = stub.ClearFaults(sandbox.ClearFaultsRequest(fault_id=fault_id))
    _show_count(answer.cleared, "ended", "fault")


@app.command()
def unknown(context: typer.Context) -> None:
    """List what the sandbox received and did not understand."""
    with phones_of(context) as stub:
        found = stub.ListUnknown(sandbox.ListUnknownRequest()).unknown
    for item in found:
        if output.is_json():
            output.emit(output.as_dict(item))
        else:
            output.say(f"{item.time.ToJsonString()}  {item.sender}  {item.text}")


def _numbered(
    tenants: Sequence[str], phones: sandbox.SandboxServiceStub, first: str
) -> list[tuple[str, str]]:
    """A free number for each tenant, counting from ``first``."""
    taken = {p.number for p in phones.ListPhones(sandbox.ListPhonesRequest()).phones if p.devices}
    number = int(first.lstrip("+") or FIRST_NUMBER)
    pairs = []
    for tenant_id in tenants:
        while f"+{number}" in taken:
            number += 1
        pairs.append((tenant_id, f"+{number}"))
        number += 1
    return pairs


def _scan(
    mesh: grpc.Channel, phones: sandbox.SandboxServiceStub, tenant_id: str, phone: str
) -> dict[str, str]:
    """Scan the codes that a tenant shows until it is paired."""
    steps = BotServiceStub(mesh).StreamQR(StreamQRRequest(tenant_id=tenant_id), timeout=60)
    scanned = False
    for step in steps:
        if step.HasField("paired"):
            return {"tenant_id": tenant_id, "phone_number": step.paired.phone_number}
        if step.HasField("code") and not scanned:
            request = sandbox.ScanRequest(phone=phone, code=step.code.code)
            phones.Scan(request, timeout=connection.timeout_s())
            scanned = True
    return {"tenant_id": tenant_id, "phone_number": ""}


def _messages(phones: sandbox.SandboxServiceStub, phone: str) -> Iterator[sandbox.Message]:
    last = 0
    while True:
        request = sandbox.ListMessagesRequest(phone=phone, after_sequence=last, page_size=1000)
        page = phones.ListMessages(request, timeout=connection.timeout_s()).messages
        if not page:
            return
        yield from page
        last = page[-1].sequence


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def show_message(message: sandbox.Message) -> None:
    """A message in a phone's chat."""
    if output.is_json():
        output.emit(output.as_dict(message))
        return
    arrow = {
        sandbox.Direction.DIRECTION_RECEIVED: f"from {message.sender}",
        sandbox.Direction.DIRECTION_WRITTEN: f"to {message.chat}",
        sandbox.Direction.DIRECTION_COMPANION: f"to {message.chat}, by its linked device",
    }.get(message.direction, "")
    when = time.strftime("%H:%M:%S", time.localtime(message.time.ToSeconds()))
    received = message.direction == sandbox.Direction.DIRECTION_RECEIVED
    where = f" in {message.chat}" if received and "@" in message.chat else ""
    what = "" if message.kind == "text" else f"({message.kind or 'undecrypted'}) "
    output.say(f"{when}  {message.message_id}  {arrow}{where}: {what}{message.text}".rstrip())


def _show_phones(found: Sequence[sandbox.Phone]) -> None:
    if output.is_json():
        for phone in found:
            output.emit(output.as_dict(phone))
        return
    output.show_table(
        ("phone", "name", "lid", "online", "receipts", "on WhatsApp", "devices", "waiting"),
        [
            (
                p.number,
                p.push_name,
                p.lid,
                _yes(p.online),
                _yes(p.receipts),
                _yes(p.on_whatsapp),
                p.devices,
                p.waiting,
            )
            for p in found
        ],
    )


def _show_faults(found: Sequence[sandbox.Fault]) -> None:
    for item in found:
        data = output.as_dict(item)
        if output.is_json():
            output.emit(data)
        else:
            number = data.pop("fault_id")
            output.say(f"fault {number}: {json.dumps(data)}")


def _show_count(count: int, verb: str, noun: str) -> None:
    if output.is_json():
        output.emit({verb: count})
    else:
        output.say(f"{verb} {count} {noun}{'' if count == 1 else 's'}")
