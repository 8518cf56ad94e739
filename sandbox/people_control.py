"""The control API's part about people: what phones' owners do beside writing, and see."""

from __future__ import annotations

from typing import Any, Final

import grpc

from botmesh.sandbox.v1 import people_pb2 as pb
from botmesh.sandbox.v1 import people_pb2_grpc
from sandbox import conversion
from sandbox.network import Network
from sandbox.refusals import RefusedError, answering, invalid
from sandbox.sightings import Sighting, SightingKind, Typing
from sandbox.stanzas import Chat
from sandbox.state.groups import Group
from sandbox.state.people import NOBODY
from sandbox.state.phones import Phone
from sandbox.wire.jid import parse

_PHONE: Final = 0
_WAIT_SECONDS: Final = 30.0
# Fields of SetPrivacy and what WhatsApp calls them.
_PRIVACY: Final = {
    "last_seen": ("last",),
    "picture": ("profile",),
    "about": ("status",),
    "read_receipts": ("readreceipts",),
    "groups": ("groupadd",),
}


class PeopleServicer(people_pb2_grpc.PeopleServiceServicer):
    """Serves the control API's PeopleService over a network."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._store = network.store

    @answering
    async def SetPresence(self, request: pb.SetPresenceRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        if request.presence not in (pb.PRESENCE_AVAILABLE, pb.PRESENCE_UNAVAILABLE):
            raise invalid("presence", "one must be set")
        available = request.presence == pb.PRESENCE_AVAILABLE
        self._network.presence.change(phone.number, _PHONE, available=available)
        return pb.SetPresenceResponse()

    @answering
    async def SetTyping(self, request: pb.SetTypingRequest, _context: Any) -> Any:
        phone, chat = self._phone("phone", request.phone), self._chat("chat", request.chat)
        try:
            typing = Typing(request.typing)
        except ValueError as error:
            raise invalid("typing", "one must be set") from error
        if isinstance(chat, Group) and phone.number not in chat.numbers:
            raise RefusedError(
                grpc.StatusCode.FAILED_PRECONDITION, "NOT_IN_GROUP", "the phone is not in the group"
            )
        self._network.presence.type(phone, _PHONE, chat, typing)
        return pb.SetTypingResponse()

    @answering
    async def SetProfile(self, request: pb.SetProfileRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        person = self._store.people.get(phone.number)
        with self._store.database.transaction():
            if request.HasField("about"):
                person.about = request.about
            if request.HasField("verified_name"):
                person.verified_name = request.verified_name
            self._store.people.save(person)
            if request.HasField("picture"):
                self._network.pictures.set(phone, request.picture, phone)
        return pb.SetProfileResponse(person=self._person(phone))

    @answering
    async def SetPrivacy(self, request: pb.SetPrivacyRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        changes = {
            name: "all" if getattr(request, field) else NOBODY
            for field, names in _PRIVACY.items()
            if request.HasField(field)
            for name in names
        }
        if "last" in changes:
            changes["online"] = "all" if request.last_seen else "match_last_seen"
        with self._store.database.transaction():
            self._network.settings.set_privacy(phone, changes)
        return pb.SetPrivacyResponse()

    @answering
    async def SetBlocked(self, request: pb.SetBlockedRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        other = self._phone("contact", request.contact)
        if other is phone:
            raise invalid("contact", "nobody can block themselves")
        with self._store.database.transaction():
            self._network.settings.set_blocked(phone, other, blocked=request.blocked)
        return pb.SetBlockedResponse(person=self._person(phone))

    @answering
    async def NameContact(self, request: pb.NameContactRequest, _context: Any) -> Any:
        phone, other = self._phone("phone", request.phone), self._phone("contact", request.contact)
        if not request.full_name:
            raise invalid("full_name", "it must not be empty")
        with self._store.database.transaction():
            self._network.app_state.name_contact(phone, other, request.full_name)
        return pb.NameContactResponse()

    @answering
    async def GiveToken(self, request: pb.GiveTokenRequest, _context: Any) -> Any:
        phone, other = self._phone("phone", request.phone), self._phone("to", request.to)
        with self._store.database.transaction():
            self._network.settings.give_token(phone, other)
        return pb.GiveTokenResponse()

    @answering
    async def GetPerson(self, request: pb.GetPersonRequest, _context: Any) -> Any:
        return pb.GetPersonResponse(person=self._person(self._phone("phone", request.phone)))

    @answering
    async def ListSightings(self, request: pb.ListSightingsRequest, _context: Any) -> Any:
        try:
            kind = SightingKind(request.kind) if request.kind else None
        except ValueError as error:
            raise invalid("kind", "it is none that this version knows") from error
        seconds = request.wait.ToNanoseconds() / 1e9 if request.HasField("wait") else _WAIT_SECONDS
        found = await self._network.sightings.wait(
            self._phone("phone", request.phone).number,
            kind,
            request.after_sequence,
            count=request.wait_count,
            seconds=seconds,
        )
        return pb.ListSightingsResponse(sightings=[_sighting(seen) for seen in found])

    def _phone(self, field: str, number: str) -> Phone:
        return self._store.phones.get(conversion.number(field, number))

    def _chat(self, field: str, name: str) -> Chat:
        if "@" not in name:
            return self._phone(field, name)
        try:
            group = self._store.groups.at(parse(name))
        except ValueError as error:
            raise invalid(field, str(error)) from error
        if group is None:
            text = f"there is no group {name}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "GROUP_NOT_FOUND", text)
        return group

    def _person(self, phone: Phone) -> pb.Person:
        person = self._store.people.get(phone.number)
        picture = self._store.pictures.of(phone.lid_jid)
        return pb.Person(
            phone=conversion.plus(phone.number),
            about=person.about,
            picture_id=picture.id if picture else "",
            verified_name=person.verified_name,
            blocked=[conversion.plus(number) for number in person.blocked],
            presence=_presence(available=self._network.presence.available(phone.number)),
        )


def _presence(*, available: bool) -> pb.Presence:
    return pb.PRESENCE_AVAILABLE if available else pb.PRESENCE_UNAVAILABLE


def _sighting(seen: Sighting) -> pb.Sighting:
    return pb.Sighting(
        sequence=seen.sequence,
        phone=conversion.plus(seen.number),
        kind=pb.SightingKind.Name(int(seen.kind)),
        who=conversion.plus(seen.who),
        device=seen.device,
        chat=conversion.plus(seen.chat),
        message_id=seen.message_id,
        token=seen.token,
        time=conversion.timestamp(seen.at),
        presence=None if seen.available is None else _presence(available=seen.available),
        typing=None if seen.typing is None else pb.Typing.Name(int(seen.typing)),
    )
