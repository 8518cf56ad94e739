"""ChatService for one tenant."""

from botmesh.v1 import chat_pb2, chat_pb2_grpc
from botnode import chat_requests
from botnode.calls import Context, TenantCalls
from botnode.deadlines import wait_s
from botnode.questions import ANSWER_S
from botnode.recipient import canonical_jid, canonical_person


class ChatServicer(chat_pb2_grpc.ChatServiceServicer):
    """The contract's ChatService."""

    def __init__(self, calls: TenantCalls) -> None:
        self._calls = calls

    async def MarkRead(
        self, request: chat_pb2.MarkReadRequest, context: Context
    ) -> chat_pb2.MarkReadResponse:
        self._calls.check(request, context)
        mark = chat_requests.read_mark(request)
        chats = self._calls.tenant().chats
        await self._calls.unless_stopped(chats.mark_read(mark, wait_s(context, ANSWER_S)))
        return chat_pb2.MarkReadResponse()

    async def SetTyping(
        self, request: chat_pb2.SetTypingRequest, context: Context
    ) -> chat_pb2.SetTypingResponse:
        self._calls.check(request, context)
        jid, state = canonical_jid(request.to), chat_requests.typing_state(request)
        chats = self._calls.tenant().chats
        await self._calls.unless_stopped(chats.set_typing(jid, state, wait_s(context, ANSWER_S)))
        return chat_pb2.SetTypingResponse()

    async def SetPresence(
        self, request: chat_pb2.SetPresenceRequest, context: Context
    ) -> chat_pb2.SetPresenceResponse:
        self._calls.check(request, context)
        available = chat_requests.available(request)
        setting = self._calls.tenant().chats.set_presence(
            available=available, timeout_s=wait_s(context, ANSWER_S)
        )
        await self._calls.unless_stopped(setting)
        return chat_pb2.SetPresenceResponse()

    async def SubscribePresence(
        self, request: chat_pb2.SubscribePresenceRequest, context: Context
    ) -> chat_pb2.SubscribePresenceResponse:
        self._calls.check(request, context)
        jid = canonical_person(request.jid, field="jid")
        chats = self._calls.tenant().chats
        await self._calls.unless_stopped(chats.subscribe_presence(jid, wait_s(context, ANSWER_S)))
        return chat_pb2.SubscribePresenceResponse()
