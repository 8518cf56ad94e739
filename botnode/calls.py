"""What every service of a botnode asks of a call: that it is for this tenant, and in time."""

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import grpc.aio

from botmesh.errors import MeshError, Reason
from botmesh.rpc import metadata
from botmesh.rpc.names import check_tenant_id
from botnode.identity import Identity
from botnode.session import SessionMachine
from botnode.tenant import Tenant

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T")


class TenantCalls:
    """The calls that reach one tenant's process, from its start to its stop."""

    def __init__(self, identity: Identity, machine: SessionMachine) -> None:
        self.identity = identity
        self.machine = machine
        self._tenant: Tenant | None = None
        self._stopping = asyncio.Event()
        self._streams: set[asyncio.Task[Any]] = set()

    def serve(self, tenant: Tenant) -> None:
        """The lease is held: answer everything from now on."""
        self._tenant = tenant

    def stop(self) -> None:
        """End the streams that are open."""
        self._stopping.set()
        for task in self._streams:
            task.cancel()

    @property
    def holder(self) -> Tenant | None:
        """The tenant at work, or at its end; None before the lease is held."""
        return self._tenant

    @property
    def epoch(self) -> int:
        """The tenant's epoch; 0 before the lease is held."""
        return self._tenant.epoch if self._tenant else 0

    def tenant(self) -> Tenant:
        """The tenant at work.

        Raises:
            MeshError: SHUTTING_DOWN, or BOTNODE_UNAVAILABLE before the lease is held.
        """
        if self._stopping.is_set():
            raise _stopping()
        if self._tenant is None:
            # Not a word about the session: an earlier call may stand in the outbox of this tenant,
            # and only whoever holds the lease can look there. Another attempt may find it.
            raise MeshError(
                Reason.BOTNODE_UNAVAILABLE,
                "this botnode does not hold its tenant's folder yet",
                metadata={"session_state": self.machine.current.state.value},
                retry_after=timedelta(seconds=1),
            )
        return self._tenant

    def check(self, request: Any, context: Context) -> dict[str, str]:
        """Refuse a call for another tenant or mesh; return the call's metadata."""
        sent = {
            key: value if isinstance(value, str) else value.decode("ascii", "replace")
            for key, value in context.invocation_metadata() or ()
        }
        claimed = sent.get(metadata.TENANT_ID, "")
        tenant_id = check_tenant_id(request.tenant_id or claimed)
        mine = self.identity
        mesh = sent.get(metadata.MESH, mine.mesh)
        if tenant_id != mine.tenant_id or claimed not in ("", mine.tenant_id) or mesh != mine.mesh:
            raise MeshError(
                Reason.WRONG_BOTNODE,
                "this botnode serves another tenant or mesh",
                metadata={"tenant_id": tenant_id},
            )
        return sent

    async def unless_stopped(self, work: Coroutine[Any, Any, T], *, once: bool = False) -> T:
        """What comes of the work, or SHUTTING_DOWN when the process stops before.

        Args:
            work: what the call asks for.
            once: it must not be done twice. SHUTTING_DOWN says that nothing was done, and has the
                call made again elsewhere; so such work in hand ends as WHATSAPP_UNANSWERED.
        """
        doing = asyncio.ensure_future(work)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise _left_open() if once else _stopping()
            return doing.result()
        finally:
            stopping.cancel()
            doing.cancel()

    @contextlib.contextmanager
    def open_until_stop(self) -> Iterator[None]:
        """The running task serves a stream, however long: it ends with SHUTTING_DOWN.

        An open stream would hold up the server's end for its whole grace. An item that is on its
        way then comes again, after the cursor or the offset.

        Raises:
            MeshError: SHUTTING_DOWN when the process stops.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - servicers run in tasks
        self._streams.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise  # the caller hung up
            task.uncancel()
            raise _stopping() from None
        finally:
            self._streams.discard(task)


def _stopping() -> MeshError:
    return MeshError(
        Reason.SHUTTING_DOWN, "the botnode is stopping", retry_after=timedelta(seconds=1)
    )


def _left_open() -> MeshError:
    """Without a time to wait: a repeat may do it a second time."""
    return MeshError(
        Reason.WHATSAPP_UNANSWERED,
        "the botnode stopped before WhatsApp answered; look whether it was done before you repeat "
        "the call",
    )
