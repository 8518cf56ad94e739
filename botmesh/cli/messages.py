"""``botmesh messages``, ``message`` and ``cancel``: a tenant's outbox."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated

import typer

from botmesh.cli import message_record, output
from botmesh.cli.chat import TenantId
from botmesh.cli.connection import channel, timeout_s
from botmesh.cli.message_search import find, find_everywhere
from botmesh.cli.times import moment
from botmesh.v1 import (
    BotServiceStub,
    CancelMessageRequest,
    ListMessagesRequest,
    Message,
)

PAGE = 500
LIMIT = 50


class State(StrEnum):
    """A message's states as people type them."""

    QUEUED = "QUEUED"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    READ = "READ"
    FAILED = "FAILED"


MessageId = Annotated[
    str, typer.Argument(metavar="ID", help="botmesh's id of the message, or its request_id.")
]


def messages(
    context: typer.Context,
    tenant_id: TenantId,
    states: Annotated[
        list[State] | None,
        typer.Option(
            "--state",
            case_sensitive=False,
            help="Only in this state; may be given several times.",
        ),
    ] = None,
    to: Annotated[str, typer.Option(help="Only to this number or JID.")] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="Only accepted then or later; 2h is 2 hours ago.")
    ] = "",
    before: Annotated[str, typer.Option(metavar="TIME", help="Only accepted before then.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="At most so many; 0 for all.")] = LIMIT,
) -> None:
    """List what stands in a tenant's outbox, newest first."""
    request = ListMessagesRequest(
        tenant_id=tenant_id,
        states=[f"MESSAGE_STATE_{state}" for state in states or ()],
        to=to,
        page_size=min(limit + 1, PAGE) if limit else PAGE,
    )
    if since:
        request.create_time_from.FromDatetime(moment(since))
    if before:
        request.create_time_before.FromDatetime(moment(before))
    with channel(context.obj, tenant_id) as opened:
        # One more than asked for tells whether there are more.
        found = islice(_all(BotServiceStub(opened), request), limit + 1 if limit else None)
        if output.is_json():
            more = _write(found, limit)
        else:
            rows = [message_record.row(message) for message in found]
            more = bool(limit) and len(rows) > limit
            output.show_table(message_record.HEADERS, rows[: limit or None])
    if more:
        output.note("there are older ones: --limit 0 lists all, --before TIME goes back")


def message(
    context: typer.Context,
    message_id: MessageId,
    tenant_id: Annotated[
        str, typer.Option("--tenant", metavar="TENANT", help="Ask this tenant alone.")
    ] = "",
) -> None:
    """Show a message and everything that happened to it; every tenant is asked for it."""
    with channel(context.obj, tenant_id) as opened:
        if tenant_id:
            answer = find(BotServiceStub(opened), tenant_id, message_id, timeout_s())
            message_record.show_timeline(answer)
        else:
            find_everywhere(opened, message_id, timeout_s())


def cancel(context: typer.Context, tenant_id: TenantId, message_id: MessageId) -> None:
    """Take a message back that still waits: it surely never goes out."""
    with channel(context.obj, tenant_id) as opened:
        stub = BotServiceStub(opened)
        known = find(stub, tenant_id, message_id, timeout_s()).message
        request = CancelMessageRequest(tenant_id=tenant_id, message_id=known.message_id)
        answer = stub.CancelMessage(request, timeout=timeout_s())
    message_record.show_message(answer.message)


def _all(stub: BotServiceStub, request: ListMessagesRequest) -> Iterator[Message]:
    """Every message that the request asks for, page by page."""
    while True:
        page = stub.ListMessages(request, timeout=timeout_s())
        yield from page.messages
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


def _write(found: Iterator[Message], limit: int) -> bool:
    """Write messages as they come; whether there are more than the limit."""
    for count, each in enumerate(found, 1):
        if limit and count > limit:
            return True
        output.emit(output.as_dict(each))
    return False
