"""The services that a botnode serves, put together."""

import grpc.aio

from botmesh.v1 import (
    bot_pb2,
    bot_pb2_grpc,
    chat_pb2,
    chat_pb2_grpc,
    contact_pb2,
    contact_pb2_grpc,
    group_pb2,
    group_pb2_grpc,
    media_pb2,
    media_pb2_grpc,
)
from botnode.calls import TenantCalls
from botnode.chat_servicer import ChatServicer
from botnode.contact_servicer import ContactServicer
from botnode.group_servicer import GroupServicer
from botnode.identity import Identity
from botnode.media_servicer import MediaServicer
from botnode.servicer import BotServicer
from botnode.session import SessionMachine
from botnode.tenant import Tenant

SERVICES = (
    bot_pb2.DESCRIPTOR.services_by_name["BotService"].full_name,
    chat_pb2.DESCRIPTOR.services_by_name["ChatService"].full_name,
    contact_pb2.DESCRIPTOR.services_by_name["ContactService"].full_name,
    group_pb2.DESCRIPTOR.services_by_name["GroupService"].full_name,
    media_pb2.DESCRIPTOR.services_by_name["MediaService"].full_name,
)


class Services:
    """One tenant's services, on one server."""

    def __init__(self, identity: Identity, machine: SessionMachine) -> None:
        self._calls = TenantCalls(identity, machine)
        self.bot = BotServicer(self._calls)
        self._chat = ChatServicer(self._calls)
        self._contact = ContactServicer(self._calls)
        self._groups = GroupServicer(self._calls)
        self._media = MediaServicer(self._calls)

    def add_to(self, server: grpc.aio.Server) -> None:
        """Let a server serve them; it must not be started yet."""
        bot_pb2_grpc.add_BotServiceServicer_to_server(self.bot, server)
        chat_pb2_grpc.add_ChatServiceServicer_to_server(self._chat, server)
        contact_pb2_grpc.add_ContactServiceServicer_to_server(self._contact, server)
        group_pb2_grpc.add_GroupServiceServicer_to_server(self._groups, server)
        media_pb2_grpc.add_MediaServiceServicer_to_server(self._media, server)

    def serve(self, tenant: Tenant) -> None:
        """The lease is held: answer everything from now on."""
        self._calls.serve(tenant)

    def stop(self) -> None:
        """End the streams that are open."""
        self._calls.stop()
