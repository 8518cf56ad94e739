"""A botnode's life in small, without WhatsApp and without a server: what it runs once has run.

It is the real botnode but for the library, in a folder that is thrown away.
"""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from botmesh.v1 import bot_pb2, message_pb2
from botnode.calls import Context
from botnode.clock import now
from botnode.folder import TenantFolder
from botnode.identity import Identity, new_instance
from botnode.line import Process
from botnode.media_transfer import MediaMover
from botnode.ownership import take
from botnode.pacing import Pace
from botnode.ports import (
    Account,
    CaughtUp,
    Connected,
    Inbox,
    QueryError,
    Receipt,
    ReceiptKind,
    ReceivedMessage,
    Sent,
    SignalSink,
)
from botnode.services import Services
from botnode.session import SessionMachine
from botnode.settings import BotnodeSettings
from botnode.tenant import MediaWays, Tenant

T = TypeVar("T")

# Bytecode is specialised after some runs, and what is found on the way is kept for good.
ROUNDS = 10
# Numbers that nobody has.
_ACCOUNT = Account("15550000001:1@s.whatsapp.net", "100000000000001@lid")
_OTHER = "15550000002@s.whatsapp.net"
TENANT = "rehearsal"
_UNPACED = Pace(messages_per_minute=0, new_chats_per_day=0, least_pause_ms=0, most_pause_ms=0)


@contextlib.contextmanager
def folder() -> Iterator[TenantFolder]:
    """A tenant's folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="botmesh-") as place:
        yield TenantFolder(Path(place) / TENANT)


async def rehearse(folder: TenantFolder, *, rounds: int) -> None:
    """Live a short life in a folder, a new one or one that was lived in before.

    Args:
        folder: the tenant's.
        rounds: how often all is asked that is asked again and again.
    """
    for _ in range(rounds):
        BotnodeSettings.read({"TENANT_ID": TENANT})
    folder.create()
    identity = Identity(TENANT, TENANT, "rehearsal", new_instance(), "0", now())
    machine = SessionMachine()
    services = Services(identity, machine)
    owned = take(folder.node_db, identity, sandbox=True)
    machine.adopt(_ACCOUNT)
    tenant = Tenant(
        identity,
        machine,
        folder,
        owned,
        pace=_UNPACED,
        make_whatsapp=lambda inbox, _: _Nobody(inbox),
        process=Process(_yes, _nothing, _nothing, _nothing, _nothing),
        media=MediaWays(make_transfer=lambda questions: MediaMover(questions, "")),
    )
    await tenant.open()
    services.serve(tenant)
    tenant.start(unlinked=False)
    try:
        async with asyncio.timeout(30):
            await _talk(services, tenant, rounds)
    finally:
        services.stop()
        await tenant.stop(0.0)


async def _talk(services: Services, tenant: Tenant, rounds: int) -> None:
    bot, nobody, context = services.bot, tenant.whatsapp, cast("Context", _Context())
    assert isinstance(nobody, _Nobody)  # noqa: S101 - made above
    for _ in range(rounds):
        content = message_pb2.MessageContent(text=message_pb2.TextContent(body="hello"))
        send = bot_pb2.SendMessageRequest(tenant_id=TENANT, to=_OTHER, content=content)
        sent = await bot.SendMessage(send, context)
        await asyncio.to_thread(nobody.answer, sent.message.whatsapp_id)
        await bot.GetSession(bot_pb2.GetSessionRequest(tenant_id=TENANT), context)
        await bot.ListMessages(bot_pb2.ListMessagesRequest(tenant_id=TENANT), context)


def _new_id() -> str:
    return secrets.token_hex(10).upper()


def _nothing(*_: object) -> None:
    pass


async def _yes() -> bool:
    return True


class _Context:
    """As much of a call as a servicer asks for."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return ()

    def time_remaining(self) -> float | None:
        return None


class _Nobody:
    """The `WhatsApp` port with nobody at the other end: all that is sent arrives."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def open(self, sink: SignalSink) -> None:
        sink(CaughtUp())
        sink(Connected(_ACCOUNT))

    def answer(self, whatsapp_id: str) -> None:
        """Bring a receipt for a message, and a message."""
        self._inbox.receipt(
            Receipt(ReceiptKind.DELIVERED, (whatsapp_id,), _OTHER, _OTHER, datetime.now(UTC))
        )
        content = message_pb2.MessageContent(text=message_pb2.TextContent(body="hello"))
        self._inbox.message(
            ReceivedMessage(
                whatsapp_id=_new_id(),
                chat_jid=_OTHER,
                sender_jid=_OTHER,
                sender_number="+15550000002",
                push_name="",
                from_me=False,
                group=False,
                time=datetime.now(UTC),
                kind="conversation",
                content=content.SerializeToString(),
            )
        )

    def send(self, *_: object) -> Sent:
        return Sent(_new_id(), datetime.now(UTC))

    async def account(self) -> Account | None:
        return _ACCOUNT

    async def answers(self, _: float) -> bool:
        return True

    async def ask(self, _: Callable[[Any], T], __: float) -> T:
        raise QueryError("nobody is there")

    async def pair_phone(self, _: str) -> str:
        return ""

    def heard_at(self) -> float:
        return 0.0

    async def hang_up(self, _: float) -> None:
        pass

    async def close(self) -> None:
        pass

    async def log_out(self) -> None:
        pass
