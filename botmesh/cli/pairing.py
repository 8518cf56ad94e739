"""``botmesh qr``, ``session`` and ``logout``: a tenant's link to WhatsApp."""

import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from botmesh.cli import output
from botmesh.cli.connection import channel, timeout_s
from botmesh.cli.qrcode import draw
from botmesh.v1 import (
    BotServiceStub,
    GetSessionRequest,
    LogOutRequest,
    QRCode,
    Session,
    SessionState,
    StreamQRRequest,
    StreamQRResponse,
)

TenantId = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")]


def qr(context: typer.Context, tenant_id: TenantId) -> None:
    """Show the QR code that links a tenant's WhatsApp, until a phone has scanned it.

    In a terminal the code is drawn anew as it rotates. Elsewhere each code is a line of text.
    """
    with channel(context.obj, tenant_id) as opened:
        steps = BotServiceStub(opened).StreamQR(StreamQRRequest(tenant_id=tenant_id))
        if output.is_json():
            for step in steps:
                output.emit(output.as_dict(step))
        elif output.console.is_terminal:
            _draw(tenant_id, steps)
        else:
            for step in steps:
                _print(step)


def session(context: typer.Context, tenant_id: TenantId) -> None:
    """Show where a tenant's session stands."""
    with channel(context.obj, tenant_id) as opened:
        answer = BotServiceStub(opened).GetSession(
            GetSessionRequest(tenant_id=tenant_id), timeout=timeout_s()
        )
    _show(answer.session)


def logout(
    context: typer.Context,
    tenant_id: TenantId,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the keys even if WhatsApp cannot be told.")
    ] = False,
) -> None:
    """Unlink a tenant's WhatsApp account."""
    with channel(context.obj, tenant_id) as opened:
        answer = BotServiceStub(opened).LogOut(
            LogOutRequest(tenant_id=tenant_id, force=force), timeout=timeout_s()
        )
    _show(answer.session)


def _draw(tenant_id: str, steps: Iterator[StreamQRResponse]) -> None:
    waiting = Text(f"Waiting for a code for {tenant_id} ...")
    with Live(waiting, console=output.console, transient=True, auto_refresh=False) as live:
        for step in steps:
            if step.HasField("paired"):
                break
            if not step.HasField("code"):
                _print(step)  # above the code, where it stays when the next one is drawn
                continue
            live.update(_picture(tenant_id, step), refresh=True)
        else:
            return
    _print(step)


def _picture(tenant_id: str, step: StreamQRResponse) -> Group | Text:
    size = draw(step.code.code)
    if size.plain.index("\n") > output.console.width:
        return Text("The terminal is too narrow for the code: make it wider.")
    seconds = step.code.expires_in.ToTimedelta().total_seconds()
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
    return Group(
        size,
        Text(f"{tenant_id}: WhatsApp > Linked devices > Link a device. Good until {until}."),
    )


def _print(step: StreamQRResponse) -> None:
    kind = step.WhichOneof("step")
    if kind == "code":
        output.say(_code_line(step.code))
    elif kind == "phone_code":
        output.say(f"code for {step.phone_code.phone_number}: {step.phone_code.code}")
    elif kind == "failed":
        output.say(f"failed: {step.failed.message} ({step.failed.reason})")
    elif kind == "passkey_required":
        output.say(f"failed: {step.passkey_required.message} ({step.passkey_required.reason})")
    elif kind == "paired":
        output.say(f"paired as {step.paired.phone_number}")


def _code_line(code: QRCode) -> str:
    return f"code ({code.expires_in.ToTimedelta().total_seconds():.0f} s): {code.code}"


def pacing_rows(found: Session) -> list[tuple[str, object]]:
    """How fast the tenant sends, for people."""
    if not found.HasField("pacing"):
        return []
    pacing = found.pacing
    messages = f"{pacing.messages_per_minute or 'any number'} messages a minute"
    chats = f"{pacing.new_chats} of {pacing.new_chats_per_day or 'any number'} in 24 hours"
    if pacing.HasField("resume_time"):
        messages += f"; nothing before {pacing.resume_time.ToJsonString()}"
    if pacing.HasField("new_chats_resume_time"):
        until = pacing.new_chats_resume_time.ToJsonString()
        chats += f"; none before {until} ({pacing.new_chats_reason})"
    return [("pace", messages), ("new chats", chats)]


def _show(found: Session) -> None:
    output.show(
        found,
        [
            ("tenant", found.tenant_id),
            ("state", output.enum_word(SessionState.Name(found.state), "SESSION_STATE_")),
            ("since", found.state_time.ToJsonString() if found.HasField("state_time") else ""),
            ("number", found.phone_number),
            ("jid", found.jid),
            ("lid", found.lid),
            ("reason", found.reason),
            ("last error", found.last_error),
            (
                "ban ends",
                found.ban_expire_time.ToJsonString() if found.HasField("ban_expire_time") else "",
            ),
            *pacing_rows(found),
            ("instance", found.instance),
            ("epoch", found.epoch),
            ("version", found.version),
        ],
    )
