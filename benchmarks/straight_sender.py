"""The reference that the outbox is measured against: a tenant's adapter with nothing around it.

A process of its own, as a botnode is: the same `NeonizeWhatsApp` on a session of its own, an inbox
that keeps nothing, no store. It sends for threads of its own, and for callers of a minimal gRPC
server.

    python -m benchmarks.straight_sender FD FOLDER      (started by outbox_cost.py)
"""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import grpc

from benchmarks.sends import Job, Outcome
from botmesh.rpc.server import bind, create_server
from botmesh.v1 import bot_pb2, message_pb2
from botnode import trust
from botnode.folder import TenantFolder
from botnode.ports import Connected, Original, QrCode, SendError, Signal
from botnode.recipient import canonical_jid
from botnode.whatsapp import NeonizeWhatsApp

MOST_CALLERS = 64


class NoInbox:
    """Keeps nothing."""

    def message(self, message: Any) -> None: ...
    def receipt(self, receipt: Any) -> None: ...
    def notice(self, kind: str, event: bytes, about: Any = None) -> None: ...
    def untraceable(self) -> None: ...

    def originals(self, whatsapp_id: str) -> Sequence[Original]:  # noqa: ARG002 - the port's
        return ()


class Servicer:
    """SendMessage straight through the adapter."""

    def __init__(self, whatsapp: NeonizeWhatsApp) -> None:
        self._whatsapp = whatsapp
        self._threads = ThreadPoolExecutor(MOST_CALLERS)

    async def SendMessage(
        self,
        request: bot_pb2.SendMessageRequest,
        context: object,  # noqa: ARG002 - gRPC's signature
    ) -> bot_pb2.SendMessageResponse:
        sent = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            self._whatsapp.send,
            canonical_jid(request.to),
            request.content.SerializeToString(),
            os.urandom(32),
        )
        return bot_pb2.SendMessageResponse(
            message=message_pb2.Message(
                tenant_id=request.tenant_id,
                request_id=request.request_id,
                whatsapp_id=sent.whatsapp_id,
                state=message_pb2.MESSAGE_STATE_SENT,
            )
        )

    def handlers(self) -> grpc.GenericRpcHandler:
        """For a server."""
        send = grpc.unary_unary_rpc_method_handler(
            self.SendMessage,
            request_deserializer=bot_pb2.SendMessageRequest.FromString,
            response_serializer=bot_pb2.SendMessageResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler("botmesh.v1.BotService", {"SendMessage": send})


def send_all(whatsapp: NeonizeWhatsApp, jobs: list[Job]) -> list[Outcome]:
    """Each job on a thread of its own."""
    outcomes: list[Outcome] = []
    together = threading.Barrier(len(jobs))

    def call(job: Job) -> None:
        jid = canonical_jid(job.to)
        together.wait()
        for text in job.texts:
            begun, error = time.monotonic(), ""
            try:
                content = message_pb2.MessageContent(text=message_pb2.TextContent(body=text))
                whatsapp.send(jid, content.SerializeToString(), os.urandom(32))
            except SendError as failure:
                error = str(failure)
            outcomes.append(Outcome(text, begun, time.monotonic(), error))

    threads = [threading.Thread(target=call, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


async def serve(parent: Connection, folder: Path) -> None:
    """Pair, then do as the parent says until it hangs up."""
    tenant = TenantFolder(folder)
    tenant.create()
    signals: asyncio.Queue[Signal] = asyncio.Queue()
    whatsapp = NeonizeWhatsApp(tenant.session_name, NoInbox(), asyncio.get_running_loop())
    library = whatsapp.load()
    key = bytes.fromhex(os.environ["BOTMESH_SANDBOX_ROOT_KEY"])
    trust.replace_root_key(key, library.library_file)
    whatsapp.open(signals.put_nowait)
    while not isinstance(signal := await signals.get(), Connected):
        if isinstance(signal, QrCode):
            parent.send(signal.code)
    server = create_server([])
    server.add_generic_rpc_handlers((Servicer(whatsapp).handlers(),))
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    parent.send(port)
    while True:
        try:
            jobs = await asyncio.to_thread(parent.recv)
        except EOFError:
            return
        parent.send(await asyncio.to_thread(send_all, whatsapp, jobs))


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(serve(Connection(int(sys.argv[1])), Path(sys.argv[2])))
    os._exit(0)  # the library's threads do not end
