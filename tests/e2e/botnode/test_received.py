"""What is received beyond plain contents: what cannot be read, votes, who has a group's message."""

import hashlib
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from botmesh.sandbox.v1 import sandbox_pb2 as sandbox
from botmesh.v1 import event_pb2, message_pb2
from sandbox import protobufs
from tests.e2e.botnode.node import PATIENCE_S, Control, Node

pytestmark = pytest.mark.e2e

S = message_pb2.MessageState
POLL = {"name": "¿Cuándo?", "options": ["hoy", "mañana", "nunca"], "selectable_count": 2}


@pytest.fixture(params=["phone", "group"])
def there(request: Any, control: Control, shared_phone: str, customer: str) -> str:
    """A chat of a customer with the shared botnode, as the customer's phone names it."""
    if request.param == "phone":
        return shared_phone
    return control.group(shared_phone, customer)


def until(node: Node, last: Callable[[event_pb2.Event], bool]) -> list[event_pb2.Event]:
    """The events up to the first that is wanted."""
    found = []
    for event in node.events():
        found.append(event)
        if last(event):
            return found
    raise AssertionError("it never came")


def about(whatsapp_id: str, events: list[event_pb2.Event]) -> list[str]:
    """The kinds of the events that tell of a received message."""
    return [
        str(event.WhichOneof("kind"))
        for event in events
        if whatsapp_id
        in (event.message_received.whatsapp_id, event.message_undecryptable.whatsapp_id)
    ]


def garble(control: Control, reader: str, part: str, *, times: int = 1, **more: Any) -> None:
    name = f"GARBLED_PART_{part}"
    fault = sandbox.Garble(part=sandbox.GarbledPart.Value(name), **more)
    control.fault(garble=fault, recipient=reader, times=times)


def unread(node: Node, whatsapp_id: str) -> message_pb2.UndecryptableMessage:
    """What is told of a message that cannot be read."""
    events = until(node, lambda event: event.message_undecryptable.whatsapp_id == whatsapp_id)
    return events[-1].message_undecryptable


# -- what cannot be read


def test_what_cannot_be_decrypted_is_told_once_and_comes_when_it_is_sent_again(
    shared: Node, control: Control, shared_phone: str, customer: str, there: str
) -> None:
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, push_name="Ana"))
    shared.wait_received(control.write(customer, there, "antes"))
    garble(control, shared_phone, "BODY", times=2)
    written = control.write(customer, there, "difícil")
    came = shared.wait_received(written)
    assert came.content.text.body == "difícil"
    told = unread(shared, written)
    assert (told.chat_jid, told.sender_jid) == (came.chat_jid, came.sender_jid)
    assert (told.sender_number, told.push_name) == (customer, "Ana")
    assert (told.group, told.unavailable, told.hidden, told.from_me) == (
        "@" in there,
        False,
        False,
        False,
    )
    assert told.send_time.seconds > 0
    after = control.write(customer, there, "después")
    events = until(shared, lambda event: event.message_received.whatsapp_id == after)
    assert about(written, events) == ["message_undecryptable", "message_received"]


def test_a_group_message_without_its_senders_key_is_asked_for(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    group = control.group(shared_phone, customer)
    garble(control, shared_phone, "SENDER_KEY")
    written = control.write(customer, group, "hola a todos")
    assert shared.wait_received(written).content.text.body == "hola a todos"
    assert not unread(shared, written).unavailable  # as the library calls it


def test_what_the_server_keeps_the_own_phone_gives(
    shared: Node, control: Control, shared_phone: str, customer: str, there: str
) -> None:
    sender = shared.wait_received(control.write(customer, there, "antes")).sender_jid
    shared.send(customer, "¿diga?")  # the library asks only where it has sent something before
    garble(control, shared_phone, "ALL")
    written = control.write(customer, there, "¿lo tienes?")
    came = shared.wait_received(written)
    assert (came.content.text.body, came.sender_jid) == ("¿lo tienes?", sender)
    told = unread(shared, written)
    assert (told.chat_jid, told.sender_jid) == (came.chat_jid, sender)
    assert not told.unavailable


def test_what_is_shown_once_the_own_phone_does_not_give(
    shared: Node, control: Control, shared_phone: str, customer: str, there: str
) -> None:
    garble(control, shared_phone, "VIEW_ONCE")
    message = protobufs.e2e.Message()
    message.viewOnceMessageV2.message.imageMessage.caption = "una sola vez"
    written = control.write(customer, there, message)
    told = unread(shared, written)
    assert (told.unavailable, told.hidden) == (True, False)
    after = control.write(customer, there, "y ya")
    assert about(written, until(shared, lambda e: e.message_received.whatsapp_id == after)) == [
        "message_undecryptable"
    ]


def test_what_phones_show_nothing_of(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    reaction = protobufs.e2e.Message()
    reaction.reactionMessage.text = "👍"
    reaction.reactionMessage.key.ID = "3EB0"
    garble(control, shared_phone, "BODY", hidden=True)
    written = control.write(customer, shared_phone, reaction)
    assert unread(shared, written).hidden
    assert shared.wait_received(written).content.reaction.emoji == "👍"


@pytest.mark.parametrize("part", ["TYPE", "CONTENT"])
def test_what_the_library_makes_nothing_of_has_no_id(
    shared: Node, control: Control, shared_phone: str, customer: str, there: str, part: str
) -> None:
    sender = shared.wait_received(control.write(customer, there, "antes")).sender_jid
    garble(control, shared_phone, part)
    control.write(customer, there, "¿qué será?")
    told = until(shared, lambda event: event.message_undecryptable.sender_jid == sender)[-1]
    assert told.message_undecryptable == message_pb2.UndecryptableMessage(
        chat_jid=there if "@" in there else sender, sender_jid=sender, group="@" in there
    )


def test_what_the_own_phone_wrote_and_cannot_be_read(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    garble(control, shared_phone, "BODY")
    written = control.write(shared_phone, customer, "desde el teléfono")
    came = shared.wait_received(written)
    told = unread(shared, written)
    assert (told.from_me, told.chat_jid) == (True, came.chat_jid)
    assert came.from_me


# -- votes


def vote(control: Control, phone: str, message_id: str, *options: str) -> str:
    """A phone votes; the id of the vote."""
    request = sandbox.VotePollRequest(phone=phone, message_id=message_id, options=options)
    return control.stub.VotePoll(request, timeout=PATIENCE_S).message.message_id


def told_vote(*options: str, **original: Any) -> message_pb2.MessageContent:
    content = message_pb2.MessageContent()
    content.poll_vote.original.CopyFrom(message_pb2.MessageReference(**original))
    content.poll_vote.options.extend(options)
    for option in options:
        content.poll_vote.option_sha256.append(hashlib.sha256(option.encode()).digest())
    return content


def test_votes_in_an_own_poll(
    shared: Node, control: Control, shared_phone: str, customer: str, there: str
) -> None:
    content = json_format.ParseDict({"poll": POLL}, message_pb2.MessageContent())
    poll = shared.send(there if "@" in there else customer, content)
    control.inbox(customer)
    original = {
        "whatsapp_id": poll.whatsapp_id,
        "message_id": poll.message_id,
        "from_me": True,
    }
    for options in (["hoy", "mañana"], ["nunca"], []):
        came = shared.wait_received(vote(control, customer, poll.whatsapp_id, *options))
        assert came.content == told_vote(*options, **original)
        assert came.undecoded_kind == ""
    control.inbox(shared_phone)
    own = shared.wait_received(vote(control, shared_phone, poll.whatsapp_id, "hoy"))
    assert own.from_me
    assert own.content == told_vote("hoy", **original)


@pytest.mark.parametrize("field", ["pollCreationMessage", "pollCreationMessageV6"])
def test_votes_in_anothers_poll(
    shared: Node, control: Control, shared_phone: str, customer: str, phone: str, field: str
) -> None:
    group = control.group(shared_phone, customer, phone)
    message = protobufs.e2e.Message()
    getattr(message, field).name = "¿Quién viene?"
    for option in ("yo", "no"):
        getattr(message, field).options.add(optionName=option)
    written = control.write(customer, group, message)
    poll = shared.wait_received(written)
    assert list(poll.content.poll.options) == ["yo", "no"]
    control.inbox(phone)
    for voter in (phone, customer):
        came = shared.wait_received(vote(control, voter, written, "yo"))
        original = {"whatsapp_id": written, "sender_jid": poll.sender_jid}
        assert came.content == told_vote("yo", **original)


def test_votes_that_a_phone_cannot_give(
    shared: Node, control: Control, shared_phone: str, customer: str
) -> None:
    content = json_format.ParseDict({"poll": POLL}, message_pb2.MessageContent())
    poll = shared.send(customer, content)
    control.inbox(customer)
    for message_id, option, code in (
        (poll.whatsapp_id, "ayer", grpc.StatusCode.INVALID_ARGUMENT),
        ("3EB0", "hoy", grpc.StatusCode.NOT_FOUND),
    ):
        with pytest.raises(grpc.RpcError) as error:
            vote(control, customer, message_id, option)
        assert error.value.code() is code


# -- who has it


def test_people_are_counted_in_a_group(
    shared: Node, control: Control, shared_phone: str, customer: str, phone: str
) -> None:
    group = control.group(shared_phone, customer, phone)
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=False))
    sent = shared.send(group, "a todos")

    def record(delivered: int, read: int) -> message_pb2.Message:
        events = until(
            shared,
            lambda event: (
                event.message_state_changed.message_id == sent.message_id
                and event.message_state_changed.delivered_count == delivered
                and event.message_state_changed.read_count == read
            ),
        )
        return events[-1].message_state_changed

    assert record(1, 0).state == S.MESSAGE_STATE_DELIVERED
    control.stub.SetPhone(sandbox.SetPhoneRequest(phone=customer, online=True))
    assert record(2, 0).state == S.MESSAGE_STATE_DELIVERED
    control.read(phone, sent.whatsapp_id)
    assert record(2, 1).state == S.MESSAGE_STATE_READ
    control.read(customer, sent.whatsapp_id)
    last = record(2, 2)
    assert last == shared.get(message_id=sent.message_id).message
    direct = shared.send(customer, "solo a ti")
    assert shared.wait_message(direct.message_id, "DELIVERED").delivered_count == 0
