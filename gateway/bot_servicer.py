"""The botnodes' services as the gateway serves them: every method, bytes in and bytes out."""

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from botmesh.errors import MeshError, Reason, invalid
from botmesh.rpc import metadata
from botmesh.v1 import bot_pb2, chat_pb2, contact_pb2, group_pb2, media_pb2
from gateway.call import Call, Method
from gateway.course import ForwardedError, cut_short
from gateway.deadline import with_margin
from gateway.drain import Drain
from gateway.forwarder import Forwarder
from gateway.policy import POLICIES, MethodPolicy
from gateway.resolver import shutting_down
from gateway.streams import StreamForwarder
from gateway.uploads import UploadForwarder, first_of

SERVICES = (
    bot_pb2.DESCRIPTOR.services_by_name["BotService"],
    chat_pb2.DESCRIPTOR.services_by_name["ChatService"],
    contact_pb2.DESCRIPTOR.services_by_name["ContactService"],
    group_pb2.DESCRIPTOR.services_by_name["GroupService"],
    media_pb2.DESCRIPTOR.services_by_name["MediaService"],
)

Context = grpc.aio.ServicerContext[bytes, bytes]


class BotServicer:
    """Forwards the botnodes' methods to the botnode of the tenant that a request names.

    A request is read only for whom it concerns; what goes on are the caller's own bytes.
    """

    def __init__(
        self,
        forwarder: Forwarder,
        streams: StreamForwarder,
        uploads: UploadForwarder,
        drain: Drain,
        *,
        mesh: str,
    ) -> None:
        self._forwarder = forwarder
        self._streams = streams
        self._uploads = uploads
        self._drain = drain
        self._mesh = mesh

    def handlers(
        self, policies: Mapping[str, MethodPolicy] = POLICIES
    ) -> tuple[grpc.GenericRpcHandler, ...]:
        """The handlers for a server: one for each service, an entry for each of its methods."""
        return tuple(self._handler(service, policies) for service in SERVICES)

    def _handler(
        self, service: ServiceDescriptor, policies: Mapping[str, MethodPolicy]
    ) -> grpc.GenericRpcHandler:
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {}
        for described in service.methods:
            method = Method(
                described.name,
                f"/{service.full_name}/{described.name}",
                GetMessageClass(described.input_type),
                policies[described.name],
            )
            handler: grpc.RpcMethodHandler[bytes, bytes]
            if described.client_streaming and described.server_streaming:
                raise TypeError(f"{method.path}: streams both ways are not forwarded")
            if described.client_streaming:
                handler = grpc.stream_unary_rpc_method_handler(self._client_stream(method))
            elif described.server_streaming:
                handler = grpc.unary_stream_rpc_method_handler(self._stream(method))
            else:
                handler = grpc.unary_unary_rpc_method_handler(self._unary(method))
            handlers[described.name] = handler
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _unary(self, method: Method) -> Any:
        forward, drain = self._forwarder.forward, self._drain

        async def unary(request: bytes, context: Context) -> bytes:
            call = self._read(method, request, context, method.policy.timeout_s)
            task = drain.enter()
            try:
                return await forward(call)
            except ForwardedError as error:
                await _pass_on(error, context)
                raise AssertionError("aborting returns to nobody") from error
            except asyncio.CancelledError:
                if not drain.ended(task):
                    raise  # the caller hung up
                raise cut_short(call) from None
            finally:
                drain.leave(task)

        return unary

    def _stream(self, method: Method) -> Any:
        forward, drain = self._streams.forward, self._drain

        async def stream(request: bytes, context: Context) -> None:
            call = self._read(method, request, context, math.inf)
            task = drain.enter(stream=True)
            try:
                await forward(call, context.write)
            except ForwardedError as error:
                await _pass_on(error, context)
            except asyncio.CancelledError:
                if not drain.ended(task):
                    raise
                raise shutting_down() from None
            finally:
                drain.leave(task)

        return stream

    def _client_stream(self, method: Method) -> Any:
        drain = self._drain

        async def client_stream(requests: AsyncIterator[bytes], context: Context) -> bytes:
            task = drain.enter(stream=True)
            try:
                call = self._read(method, await first_of(requests), context, math.inf)
                return await self._uploads.forward(call, requests)
            except ForwardedError as error:
                await _pass_on(error, context)
                raise AssertionError("aborting returns to nobody") from error
            except asyncio.CancelledError:
                if not drain.ended(task):
                    raise
                raise shutting_down() from None
            finally:
                drain.leave(task)

        return client_stream

    def _read(self, method: Method, raw: bytes, context: Context, default_s: float) -> Call:
        """What the gateway has to know of a request.

        Raises:
            MeshError: INVALID_REQUEST.
        """
        try:
            request: Any = method.request.FromString(raw)
        except DecodeError as error:
            text = f"the request is no {method.request.DESCRIPTOR.full_name}"
            raise MeshError(Reason.INVALID_REQUEST, text) from error
        tenant_id: str = request.tenant_id
        request_id: str = request.request_id if method.policy.request_id else ""
        for key, value in context.invocation_metadata() or ():
            if key == metadata.TENANT_ID:
                tenant_id = _agreed(tenant_id, value, "tenant_id")
            elif key == metadata.REQUEST_ID:
                request_id = _agreed(request_id, value, "request_id")
            elif key == metadata.MESH and value != self._mesh:
                raise invalid(metadata.MESH, f"this gateway's mesh is '{self._mesh}'")
        bound = {"tenant_id": tenant_id[:63]}
        if method.policy.request_id:
            request_id = _checked_uuid(request_id) if request_id else str(uuid.uuid4())
            bound["request_id"] = request_id
        structlog.contextvars.bind_contextvars(**bound)
        remaining_s = context.time_remaining()
        if remaining_s is None:
            remaining_s = default_s
        elif default_s != math.inf:
            remaining_s = with_margin(remaining_s)
        return Call(method, tenant_id, request_id, raw, time.monotonic() + remaining_s)


async def _pass_on(error: ForwardedError, context: Context) -> None:
    structlog.contextvars.bind_contextvars(botnode_reason=error.reason)
    await context.abort(error.code, error.details, error.trailers)


def _agreed(body: str, value: str | bytes, field: str) -> str:
    """The body's field, or the metadata's in its place; they must not differ."""
    if body and value != body:
        raise invalid(field, "differs between the request and its metadata")
    return body or str(value)


def _checked_uuid(value: str) -> str:
    try:
        uuid.UUID(value)
    except ValueError as error:
        raise invalid("request_id", "must be a UUID") from error
    return value
