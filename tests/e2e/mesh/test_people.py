"""ChatService and ContactService through the gateway, with the real library: both directions."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from botmesh.cli.main import app
from botmesh.errors import MeshError, Reason, from_rpc_error
from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import (
    BlockContactRequest,
    ChatServiceStub,
    CheckNumbersRequest,
    Contact,
    ContactServiceStub,
    CreateTenantRequest,
    Event,
    GetContactRequest,
    GetProfilePictureRequest,
    ListBlockedContactsRequest,
    MarkReadRequest,
    PresenceState,
    SetPresenceRequest,
    SetTypingRequest,
    StreamEventsRequest,
    SubscribePresenceRequest,
    TypingState,
    UnblockContactRequest,
)
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

TENANT = EXAMPLES[0]
PHONE = "+5215510000000"
AVAILABLE = PresenceState.PRESENCE_STATE_AVAILABLE
UNAVAILABLE = PresenceState.PRESENCE_STATE_UNAVAILABLE
PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


class People:
    """One tenant's calls about people, and what phones do and see."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        channel = mesh.channel(mesh.address)
        self.chats, self.contacts = ChatServiceStub(channel), ContactServiceStub(channel)
        self.phones = sandbox.PeopleServiceStub(mesh.channel(mesh.control_address))
        self.head = 0

    def chat(self, method: str, request: Any, timeout_s: float = LIMIT_S) -> Any:
        return self._call(getattr(self.chats, method), request, timeout_s)

    def contact(self, method: str, request: Any, timeout_s: float = LIMIT_S) -> Any:
        return self._call(getattr(self.contacts, method), request, timeout_s)

    @staticmethod
    def _call(method: Any, request: Any, timeout_s: float) -> Any:
        request.tenant_id = request.tenant_id or TENANT
        try:
            return method(request, timeout=timeout_s)
        except Exception as error:
            typed = from_rpc_error(error)
            if typed is None:
                raise
            raise typed from error

    def online(self, *, available: bool = True) -> None:
        state = AVAILABLE if available else UNAVAILABLE
        self.chat("SetPresence", SetPresenceRequest(state=state))

    def lid(self, phone: str) -> str:
        listed = self.mesh.phones.ListPhones(sandbox.ListPhonesRequest()).phones
        return next(item.lid for item in listed if item.number == phone)

    def write(self, phone: str, text: str = "hola") -> str:
        request = sandbox.WriteMessageRequest(phone=phone, to=PHONE, text=text)
        return str(self.mesh.phones.WriteMessage(request).message.message_id)

    def seen(self, phone: str, kind: str, count: int = 1) -> list[sandbox.Sighting]:
        """What a phone has seen of one kind, once there is so much."""
        wanted = getattr(sandbox.SightingKind, f"SIGHTING_KIND_{kind}")
        request = sandbox.ListSightingsRequest(phone=phone, kind=wanted, wait_count=count)
        found = list(self.phones.ListSightings(request, timeout=LIMIT_S + 5).sightings)
        assert len(found) >= count, found
        return found

    def event(self, kind: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first event of a kind, from the beginning of the log, that fits."""
        request = StreamEventsRequest(tenant_id=TENANT)
        request.oldest.SetInParent()
        call = self.mesh.bots.StreamEvents(request, timeout=LIMIT_S)
        try:
            for item in call:
                told: Event = item.event
                if told.WhichOneof("kind") == kind and fits(getattr(told, kind)):
                    return getattr(told, kind)
        finally:
            call.cancel()
        raise AssertionError(f"no {kind} came")


@pytest.fixture(scope="module")
def people(mesh: Mesh) -> People:
    return People(mesh)


@pytest.fixture(scope="module")
def named(people: People) -> People:
    """The same, with a push name, which WhatsApp wants before presence."""
    changed = sandbox.SetPhoneRequest(phone=PHONE, push_name="Tienda")
    people.mesh.phones.SetPhone(changed)

    def shown() -> bool:
        try:
            people.online()
        except MeshError as error:
            if error.reason is Reason.PUSH_NAME_MISSING:
                return False
            raise
        return True

    eventually(shown)
    return people


@pytest.fixture
def customer() -> str:
    return f"+52155{secrets.randbelow(10**8):08}"


@pytest.fixture
def held(mesh: Mesh) -> Iterator[Callable[[str], None]]:
    """Lets WhatsApp leave the tenant's questions of a kind open."""
    faults = []

    def hold(kind: str) -> None:
        value = getattr(sandbox.QueryKind, f"QUERY_KIND_{kind}")
        fault = sandbox.Fault(hold_query=sandbox.HoldQuery(kind=value), phone=PHONE)
        answer = mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault))
        faults.append(answer.fault.fault_id)

    yield hold
    for fault_id in faults:
        mesh.phones.ClearFaults(sandbox.ClearFaultsRequest(fault_id=fault_id))


def error_of(call: Callable[[], Any]) -> MeshError:
    with pytest.raises(MeshError) as caught:
        call()
    return caught.value


# -- chats


def test_presence_needs_a_push_name(people: People) -> None:
    error = error_of(people.online)
    assert error.reason is Reason.PUSH_NAME_MISSING


def test_read_marks_are_blue_ticks(people: People, customer: str) -> None:
    ids = [people.write(customer, text) for text in ("uno", "dos")]
    received = people.event("message_received", lambda message: message.whatsapp_id == ids[1])
    request = MarkReadRequest(chat_jid=received.chat_jid, whatsapp_ids=ids)
    people.chat("MarkRead", request)
    assert [seen.message_id for seen in people.seen(customer, "READ", 2)] == ids
    people.chat("MarkRead", request)  # a second time is nothing new to anybody
    written = people.mesh.phones.ListMessages(sandbox.ListMessagesRequest(phone=customer)).messages
    assert all(message.HasField("read_time") for message in written)


def test_played_is_told_in_a_group_too(people: People, customer: str) -> None:
    made = sandbox.CreateGroupRequest(phones=[PHONE, customer], subject="Ventas")
    group = people.mesh.phones.CreateGroup(made).group.group
    request = sandbox.WriteMessageRequest(phone=customer, to=group, text="nota")
    message_id = people.mesh.phones.WriteMessage(request).message.message_id
    received = people.event("message_received", lambda message: message.whatsapp_id == message_id)
    mark = MarkReadRequest(chat_jid=received.chat_jid, whatsapp_ids=[message_id], played=True)
    error = error_of(lambda: people.chat("MarkRead", mark))
    assert [violation.field for violation in error.violations] == ["sender_jid"]
    mark.sender_jid = received.sender_jid
    people.chat("MarkRead", mark)
    (seen,) = people.seen(customer, "PLAYED")
    assert (seen.who, seen.chat, seen.message_id) == (PHONE, group, message_id)


def test_typing_is_shown(people: People, customer: str) -> None:
    states = [
        TypingState.TYPING_STATE_TYPING,
        TypingState.TYPING_STATE_RECORDING,
        TypingState.TYPING_STATE_PAUSED,
    ]
    for state in states:
        people.chat("SetTyping", SetTypingRequest(to=customer, state=state))
    typing = sandbox.Typing
    assert [seen.typing for seen in people.seen(customer, "TYPING", 3)] == [
        typing.TYPING_COMPOSING,
        typing.TYPING_RECORDING,
        typing.TYPING_PAUSED,
    ]


def test_typing_in_a_group(named: People, customer: str) -> None:
    made = sandbox.CreateGroupRequest(phones=[PHONE, customer], subject="Ventas")
    group = named.mesh.phones.CreateGroup(made).group.group
    shown = SetTypingRequest(to=group, state=TypingState.TYPING_STATE_TYPING)
    named.chat("SetTyping", shown)
    (seen,) = named.seen(customer, "TYPING")
    assert (seen.who, seen.chat) == (PHONE, group)
    typing = sandbox.Typing.TYPING_COMPOSING
    named.phones.SetTyping(sandbox.SetTypingRequest(phone=customer, chat=group, typing=typing))
    told = named.event("typing_changed", lambda change: change.chat_jid == group)
    assert (told.sender_jid, told.sender_number) == (named.lid(customer), customer)


def test_typing_is_heard(named: People, customer: str) -> None:
    named.write(customer)
    lid = named.lid(customer)
    for typing, state in (
        (sandbox.Typing.TYPING_RECORDING, TypingState.TYPING_STATE_RECORDING),
        (sandbox.Typing.TYPING_PAUSED, TypingState.TYPING_STATE_PAUSED),
    ):
        named.phones.SetTyping(sandbox.SetTypingRequest(phone=customer, chat=PHONE, typing=typing))
        told = named.event(
            "typing_changed",
            lambda change, state=state: change.sender_jid == lid and change.state == state,
        )
        assert (told.chat_jid, told.sender_number) == (lid, customer)


def test_presence_is_shown(named: People, customer: str) -> None:
    named.write(customer)
    named.online(available=False)
    named.online()
    seen = named.seen(customer, "PRESENCE", 2)[-2:]
    assert [item.presence for item in seen] == [
        sandbox.Presence.PRESENCE_UNAVAILABLE,
        sandbox.Presence.PRESENCE_AVAILABLE,
    ]


def test_presence_is_heard_with_a_token_and_again_after_a_reconnect(
    named: People, customer: str
) -> None:
    named.write(customer)
    lid = named.lid(customer)
    token = sandbox.GiveTokenRequest(phone=customer, to=PHONE)
    named.phones.GiveToken(token)
    waiting = sandbox.ListDevicesRequest(phone=PHONE)
    eventually(lambda: not named.mesh.phones.ListDevices(waiting).devices[0].waiting)

    def subscribed() -> list[Any]:
        named.chat("SubscribePresence", SubscribePresenceRequest(jid=lid))
        seen = named.seen(customer, "SUBSCRIPTION")
        return seen if seen[-1].token else []

    # WhatsApp has heard that the token came; the library may be about to keep it yet.
    times = len(eventually(subscribed))

    def go(presence: Any) -> None:
        named.phones.SetPresence(sandbox.SetPresenceRequest(phone=customer, presence=presence))

    def heard(state: Any) -> list[Any]:
        return named.event(
            "presence_changed", lambda change: change.jid == lid and change.state == state
        )

    go(sandbox.Presence.PRESENCE_AVAILABLE)
    assert heard(AVAILABLE).phone_number == customer
    drop = sandbox.DropConnectionsRequest(phone=PHONE)
    assert named.mesh.phones.DropConnections(drop).dropped == 1
    assert len(named.seen(customer, "SUBSCRIPTION", times + 1)) == times + 1
    go(sandbox.Presence.PRESENCE_UNAVAILABLE)
    told = named.event(
        "presence_changed",
        lambda change: change.jid == lid and change.HasField("last_seen_time"),
    )
    assert told.state == UNAVAILABLE


# -- contacts


def test_numbers_are_checked_once(people: People, customer: str, held: Any) -> None:
    absent = f"+52155{secrets.randbelow(10**8):08}"
    off = sandbox.SetPhoneRequest(phone=absent, on_whatsapp=False)
    people.mesh.phones.SetPhone(off)
    profile = sandbox.SetProfileRequest(phone=customer, verified_name="Taller Ana")
    people.phones.SetProfile(profile)
    request = CheckNumbersRequest(phone_numbers=[absent, customer, absent])
    results = people.contact("CheckNumbers", request).results
    assert [(check.phone_number, check.on_whatsapp) for check in results] == [
        (absent, False),
        (customer, True),
        (absent, False),
    ]
    there = results[1]
    assert there.jid == f"{customer[1:]}@s.whatsapp.net"
    assert there.lid == people.lid(customer)
    assert there.verified_name == "Taller Ana"
    held("PEOPLE")
    assert list(people.contact("CheckNumbers", request).results) == list(results)


def test_a_contact(people: People, customer: str) -> None:
    people.phones.SetProfile(
        sandbox.SetProfileRequest(phone=customer, about="Disponible", picture=PICTURE)
    )
    people.mesh.phones.SetPhone(sandbox.SetPhoneRequest(phone=customer, push_name="Ana"))
    written = people.write(customer)
    people.event("message_received", lambda message: message.whatsapp_id == written)
    shown = people.phones.GetPerson(sandbox.GetPersonRequest(phone=customer)).person
    wanted = Contact(
        jid=f"{customer[1:]}@s.whatsapp.net",
        lid=people.lid(customer),
        phone_number=customer,
        push_name="Ana",
        about="Disponible",
        picture_id=shown.picture_id,
    )
    for name in (customer, wanted.lid):
        assert people.contact("GetContact", GetContactRequest(jid=name)).contact == wanted


def test_the_address_book_of_the_phone(named: People, customer: str) -> None:
    for name in ("Ana Torres", "Ana Torres de la O"):
        book = sandbox.NameContactRequest(phone=PHONE, contact=customer, full_name=name)
        named.phones.NameContact(book)
        request = GetContactRequest(jid=customer)
        eventually(
            lambda name=name, request=request: (
                named.contact("GetContact", request).contact.full_name == name
            )
        )


def test_nobody_is_no_contact(people: People, customer: str) -> None:
    people.mesh.phones.SetPhone(sandbox.SetPhoneRequest(phone=customer, on_whatsapp=False))
    for name in (customer, "999999999999999@lid"):
        request = GetContactRequest(jid=name)
        error = error_of(lambda request=request: people.contact("GetContact", request))
        assert error.reason is Reason.RECIPIENT_NOT_ON_WHATSAPP


def test_pictures(people: People, customer: str) -> None:
    request = GetProfilePictureRequest(jid=customer)
    error = error_of(lambda: people.contact("GetProfilePicture", request))
    assert error.reason is Reason.PICTURE_NOT_FOUND
    people.write(customer)
    lid = people.lid(customer)
    people.phones.SetProfile(sandbox.SetProfileRequest(phone=customer, picture=PICTURE))
    told = people.event("picture_changed", lambda change: change.jid == lid)
    assert not told.removed
    answers = [
        people.contact("GetProfilePicture", GetProfilePictureRequest(jid=customer, preview=small))
        for small in (False, True)
    ]
    assert {answer.picture_id for answer in answers} == {
        people.phones.GetPerson(sandbox.GetPersonRequest(phone=customer)).person.picture_id
    }
    assert len({answer.url for answer in answers}) == 2
    people.phones.SetPrivacy(sandbox.SetPrivacyRequest(phone=customer, picture=False))
    error = error_of(lambda: people.contact("GetProfilePicture", request))
    assert error.reason is Reason.PICTURE_NOT_FOUND


def test_blocks(people: People, customer: str) -> None:
    people.write(customer)
    lid = people.lid(customer)

    def listed() -> list[str]:
        return list(people.contact("ListBlockedContacts", ListBlockedContactsRequest()).jids)

    def on_phone() -> list[str]:
        person = people.phones.GetPerson(sandbox.GetPersonRequest(phone=PHONE)).person
        return list(person.blocked)

    people.contact("BlockContact", BlockContactRequest(jid=customer))
    people.contact("BlockContact", BlockContactRequest(jid=lid))
    assert lid in listed()
    assert customer in on_phone()
    lost = people.write(customer, "nobody hears this")
    people.contact("UnblockContact", UnblockContactRequest(jid=customer))
    assert lid not in listed()
    assert customer not in on_phone()
    heard = people.write(customer, "and this arrives")
    first = people.event("message_received", lambda it: it.whatsapp_id in (lost, heard))
    assert first.whatsapp_id == heard
    for blocked in (True, False):
        request = sandbox.SetBlockedRequest(phone=PHONE, contact=customer, blocked=blocked)
        people.phones.SetBlocked(request)
        field = "blocked_jids" if blocked else "unblocked_jids"
        people.event("block_list_changed", lambda it, field=field: lid in getattr(it, field))


# -- the command


def run(people: People, *arguments: str) -> str:
    """What the command prints, in this process."""
    result = CliRunner().invoke(app, ["--gateway", people.mesh.address, *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(
    ("arguments", "shown", "field"),
    [
        ("contact check {tenant} {phone}", "yes", "on_whatsapp"),
        ("contact show {tenant} {phone}", "Abierto", "about"),
        ("contact picture {tenant} {phone}", "https://", "url"),
        ("contact block {tenant} {phone}", "is blocked", ""),
        ("contact blocked {tenant}", "@lid", "jids"),
        ("contact unblock {tenant} {phone}", "no more", ""),
        ("chat typing {tenant} {phone} recording", "RECORDING", ""),
        ("chat read {tenant} {phone} 3EB0AA 3EB0BB", "marked 2 as read", ""),
        ("chat offline {tenant}", "UNAVAILABLE", ""),
        ("chat online {tenant}", "AVAILABLE", ""),
    ],
)
def test_commands(named: People, arguments: str, shown: str, field: str) -> None:
    phone = "+5215588880001"
    profile = sandbox.SetProfileRequest(phone=phone, about="Abierto", picture=PICTURE)
    named.phones.SetProfile(profile)
    words = arguments.format(tenant=TENANT, phone=phone).split()
    assert shown in run(named, *words)
    answer = json.loads(run(named, "--json", *words))
    assert answer[field] if field else answer == {}


def test_watching_shows_who_types(named: People, customer: str) -> None:
    named.write(customer)
    command = [sys.executable, "-m", "botmesh", "chat", "watch", TENANT, customer]
    with subprocess.Popen(
        command, env=named.mesh.env, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        # Asked about, the phone is offline: that is the first line.
        assert f"presence UNAVAILABLE {customer}" in watching.stdout.readline()
        typing = sandbox.Typing.TYPING_COMPOSING
        named.phones.SetTyping(sandbox.SetTypingRequest(phone=customer, chat=PHONE, typing=typing))
        assert f"typing TYPING {customer}" in watching.stdout.readline()
        watching.terminate()
    out = run(named, "sandbox", "--data-dir", str(named.mesh.folder), "seen", customer)
    assert "SUBSCRIPTION" in out


# -- what goes wrong


CALLS: dict[str, tuple[str, Callable[[People, str, float], Any]]] = {
    "CheckNumbers": (
        "PEOPLE",
        lambda people, jid, timeout_s: people.contact(
            "CheckNumbers", CheckNumbersRequest(phone_numbers=[jid]), timeout_s
        ),
    ),
    "GetContact": (
        "PEOPLE",
        lambda people, jid, timeout_s: people.contact(
            "GetContact", GetContactRequest(jid=jid), timeout_s
        ),
    ),
    "GetProfilePicture": (
        "PICTURE",
        lambda people, jid, timeout_s: people.contact(
            "GetProfilePicture", GetProfilePictureRequest(jid=jid), timeout_s
        ),
    ),
    "BlockContact": (
        "BLOCK_LIST",
        lambda people, jid, timeout_s: people.contact(
            "BlockContact", BlockContactRequest(jid=jid), timeout_s
        ),
    ),
}


@pytest.mark.parametrize("method", CALLS)
def test_what_whatsapp_leaves_open_ends_in_time(
    people: People, customer: str, held: Any, method: str
) -> None:
    kind, call = CALLS[method]
    people.phones.SetProfile(sandbox.SetProfileRequest(phone=customer, picture=PICTURE))
    held(kind)
    error = error_of(lambda: call(people, customer, 0.7))
    assert error.reason is Reason.WHATSAPP_UNANSWERED
    people.mesh.phones.ClearFaults(sandbox.ClearFaultsRequest())
    call(people, customer, LIMIT_S)


def test_without_a_line_the_error_says_so(people: People, customer: str) -> None:
    tenant = "nobody"
    people.mesh.tenants.CreateTenant(CreateTenantRequest(tenant_id=tenant, name="Nobody"))
    for call in (
        lambda: people.chat("SetPresence", SetPresenceRequest(tenant_id=tenant, state=AVAILABLE)),
        lambda: people.contact("GetContact", GetContactRequest(tenant_id=tenant, jid=customer)),
    ):
        assert error_of(call).reason is Reason.SESSION_NOT_PAIRED


def test_nothing_was_strange_to_the_sandbox(people: People) -> None:
    found = people.mesh.phones.ListUnknown(sandbox.ListUnknownRequest()).unknown
    assert [item.text for item in found] == []
