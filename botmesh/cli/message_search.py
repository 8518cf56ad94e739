"""Finds a message by botmesh's id of it or by its request's, in one tenant's outbox or in all."""

from concurrent.futures import ThreadPoolExecutor, as_completed

import grpc

from botmesh.cli import message_record, output
from botmesh.cli.tenant import all_tenants
from botmesh.errors import Reason, from_rpc_error
from botmesh.v1 import BotServiceStub, GetMessageRequest, GetMessageResponse, TenantServiceStub

# So many tenants are asked at the same time, and each has so long to answer.
PARALLEL = 16
EACH_S = 5.0
_MOST_NAMED = 5


def find(stub: BotServiceStub, tenant_id: str, key: str, timeout_s: float) -> GetMessageResponse:
    """The message of this id, or of the request of this id.

    Raises:
        RpcError: MESSAGE_NOT_FOUND and all that a call can fail with.
    """
    try:
        request = GetMessageRequest(tenant_id=tenant_id, message_id=key)
        return stub.GetMessage(request, timeout=timeout_s)
    except grpc.RpcError as error:
        if not _is_missing(error):
            raise
    request = GetMessageRequest(tenant_id=tenant_id, request_id=key)
    return stub.GetMessage(request, timeout=timeout_s)


def find_everywhere(channel: grpc.Channel, key: str, timeout_s: float) -> None:
    """Ask every tenant and write what is found; say who could not be asked.

    A request's id may have been used with several tenants; then each of them is shown.
    """
    tenants = [tenant.tenant_id for tenant in all_tenants(TenantServiceStub(channel))]
    stub, each_s = BotServiceStub(channel), min(timeout_s, EACH_S)
    found, unasked = False, {}
    with ThreadPoolExecutor(PARALLEL) as pool:
        asked = {pool.submit(find, stub, each, key, each_s): each for each in tenants}
        for done in as_completed(asked):
            try:
                answer = done.result()
            except grpc.RpcError as error:
                if not _is_missing(error):
                    unasked[asked[done]] = _why(error)
                continue
            found = True
            message_record.show_timeline(answer)
            if answer.message.message_id == key:
                _leave(pool, channel)
                return
    _tell(unasked, found=found)


def _leave(pool: ThreadPoolExecutor, channel: grpc.Channel) -> None:
    """Nobody else can have it: do not wait for the others."""
    pool.shutdown(wait=False, cancel_futures=True)
    channel.close()


def _tell(unasked: dict[str, str], *, found: bool) -> None:
    if found:
        if unasked:
            output.note(f"not asked: {_named(unasked)}")
        return
    if not unasked:
        output.fail(
            "no tenant has a message or a request of this id",
            reason=Reason.MESSAGE_NOT_FOUND.value,
        )
    output.fail(
        f"not found; but these tenants could not be asked: {_named(unasked)}",
        metadata=unasked,
        exit_code=output.EXIT_RETRY,
    )


def _named(unasked: dict[str, str]) -> str:
    words = [f"{tenant_id} ({why})" for tenant_id, why in sorted(unasked.items())]
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return ", ".join(words[:_MOST_NAMED]) + more


def _is_missing(error: grpc.RpcError) -> bool:
    known = from_rpc_error(error)
    return known is not None and known.reason in (Reason.MESSAGE_NOT_FOUND, Reason.TENANT_NOT_FOUND)


def _why(error: grpc.RpcError) -> str:
    known = from_rpc_error(error)
    if known is not None:
        return known.reason.value
    return error.code().name if isinstance(error, grpc.Call) else "UNKNOWN"
