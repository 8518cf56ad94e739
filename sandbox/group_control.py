"""What the control API can have phones do in groups, and do to groups itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc

from botmesh.sandbox.v1 import sandbox_pb2 as pb
from sandbox.conversion import LINK_PREFIX, number, plus
from sandbox.group_nodes import Outcome
from sandbox.network import Network
from sandbox.query_error import QueryError
from sandbox.refusals import RefusedError, invalid
from sandbox.state.groups import Group, Standing
from sandbox.state.phones import Phone
from sandbox.wire.jid import PHONE_SERVER, Jid

_PEOPLE: Final = ("add", "remove", "promote", "demote", "approve", "reject")


def create(network: Network, phones: list[Phone], subject: str) -> Group:
    """Make a group of phones, whether they would let themselves be added or not."""
    if not phones:
        raise invalid("phones", "at least one is needed")
    if not subject:
        raise invalid("subject", "it must not be empty")
    with network.store.database.transaction():
        group = network.store.groups.create(subject, [phone.number for phone in phones])
        network.groups.welcome(group, phones[0], group.numbers, {"type": "new"})
    return group


def change(
    network: Network, group: Group, *, add: list[Phone], remove: list[Phone], subject: str | None
) -> None:
    """Change a group, whatever WhatsApp's rules are."""
    store, life = network.store, network.groups
    first = (group.numbers or [phone.number for phone in add])[:1]
    if not first:
        return
    by = store.phones.get(first[0])
    with _as_whatsapp(network):
        life.enter(group, by, add)
        life.expel(group, by, remove, Standing.REMOVED)
        if subject and subject != group.subject:
            life.rename(store.phones.get(group.numbers[0]), group, subject)


def act(
    network: Network, phone: Phone, group: Group, request: pb.ActInGroupRequest
) -> dict[str, int]:
    """Have a phone do something in a group.

    Returns:
        WhatsApp's error codes for the people to whom it was not done, by number.
    """
    kind = request.WhichOneof("act")
    if kind is None:
        raise invalid("act", "one must be set")
    with _as_whatsapp(network):
        if kind == "people":
            return _people(network, phone, group, request.people)
        _acts(network)[kind](phone, group, getattr(request, kind))
    return {}


def join(network: Network, phone: Phone, link: str) -> tuple[Group, bool]:
    """Have a phone join by a link; false if the admins were asked instead."""
    with _as_whatsapp(network):
        return network.groups.join(phone, link.removeprefix(LINK_PREFIX))


def _acts(network: Network) -> dict[str, Callable[[Phone, Group, Any], object]]:
    life = network.groups
    return {
        "subject": life.rename,
        "description": life.describe,
        "announce": lambda phone, group, on: life.announce(phone, group, on=on),
        "locked": lambda phone, group, on: life.lock(phone, group, on=on),
        "ephemeral": lambda phone, group, time: life.disappear(phone, group, time.seconds),
        "approval": lambda phone, group, on: life.approve_who_joins(phone, group, on=on),
        "admins_add": lambda phone, group, on: life.let_add(phone, group, admins=on),
        "picture": lambda phone, group, image: network.pictures.set(group, image, phone),
        "link": lambda phone, group, reset: life.invite_code(phone, group, reset=reset),
        "leave": lambda phone, group, _: life.leave(phone, group),
    }


def _people(network: Network, phone: Phone, group: Group, people: pb.GroupPeople) -> dict[str, int]:
    life = network.groups
    actions: dict[str, Callable[[list[Jid]], list[Outcome]]] = {
        "add": lambda whom: life.add(phone, group, whom),
        "remove": lambda whom: life.remove(phone, group, whom),
        "promote": lambda whom: life.promote(phone, group, whom),
        "demote": lambda whom: life.demote(phone, group, whom),
        "approve": lambda whom: life.decide(phone, group, whom, let_in=True),
        "reject": lambda whom: life.decide(phone, group, whom, let_in=False),
    }
    errors: dict[str, int] = {}
    for name in _PEOPLE:
        field = f"people.{name}"
        whom = [Jid(number(field, item), PHONE_SERVER) for item in getattr(people, name)]
        if whom:
            errors |= {plus(item.asked.user): item.error for item in actions[name](whom)}
    return {name: error for name, error in errors.items() if error}


@contextmanager
def _as_whatsapp(network: Network) -> Iterator[None]:
    """All or nothing, with WhatsApp's refusals as the control API's."""
    try:
        with network.store.database.transaction():
            yield
    except QueryError as error:
        reason = f"WHATSAPP_{error.code}"
        text = f"WhatsApp refuses: {error}"
        raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, reason, text) from error
