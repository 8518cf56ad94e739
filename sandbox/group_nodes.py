"""Groups and their people as nodes.

Groups have the addressing mode ``lid``: members are named by their hidden addresses, with their
numbers beside them.

Source: whatsmeow's group.go (parseGroupNode, parseParticipant, parseGroupChange).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sandbox.stanzas import Attrs
from sandbox.state.groups import Group, Role
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

FORBIDDEN: Final = 403
INVITATION_SECONDS: Final = 3 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of somebody whom a query names.

    Attributes:
        asked: as the query names them.
        phone: who that is; none if there cannot be one.
        error: why it was not done; 0 if it was.
    """

    asked: Jid
    phone: Phone | None
    error: int = 0


def described(store: Store, group: Group, *, members: bool = True) -> Node:
    """A group, with its people or without."""
    settings = group.settings
    creator = store.phones.get(settings.creator) if settings.creator else None
    named_by = store.phones.get(settings.subject_by) if settings.subject_by else creator
    attrs: Attrs = {
        "id": group.id,
        "subject": group.subject,
        "creation": int(group.made_at),
        "creator": creator.lid_jid if creator else None,
        "creator_pn": creator.jid if creator else None,
        "s_t": int(settings.subject_at or group.made_at),
        "s_o": named_by.lid_jid if named_by else None,
        "s_o_pn": named_by.jid if named_by else None,
        "addressing_mode": "lid",
        "size": len(group.numbers),
        "a_v_id": str(settings.version),
        "p_v_id": str(settings.version),
    }
    people = [_member(store.phones.get(number), group) for number in group.numbers]
    return Node("group", attrs, [*_settings(store, group), *(people if members else ())])


def _settings(store: Store, group: Group) -> list[Node]:
    settings = group.settings
    nodes = [add_mode(admins=settings.admins_add)]
    if settings.description_id and settings.description:
        by = store.phones.get(settings.description_by)
        attrs: Attrs = {
            "id": settings.description_id,
            "t": int(settings.description_at),
            "participant": by.lid_jid,
            "participant_pn": by.jid,
        }
        body = Node("body", content=settings.description.encode())
        nodes.append(Node("description", attrs, [body]))
    if settings.announce:
        nodes.append(Node("announcement"))
    if settings.locked:
        nodes.append(Node("locked"))
    if settings.ephemeral_seconds:
        nodes.append(Node("ephemeral", {"expiration": settings.ephemeral_seconds, "trigger": 1}))
    if settings.approval:
        nodes.append(approval(on=True))
    return nodes


def add_mode(*, admins: bool) -> Node:
    """Who can add people."""
    return Node("member_add_mode", content=b"admin_add" if admins else b"all_member_add")


def approval(*, on: bool) -> Node:
    """Whether admins approve who joins."""
    state = Node("group_join", {"state": "on" if on else "off"})
    return Node("membership_approval_mode", content=[state])


def description(text: str, description_id: str) -> Node:
    """A new description, as members are told of it."""
    content = [Node("body", content=text.encode())] if text else [Node("delete")]
    return Node("description", {"id": description_id}, content)


def _member(phone: Phone, group: Group) -> Node:
    return Node("participant", _named(phone) | {"type": group.role(phone.number).value})


def _named(phone: Phone) -> Attrs:
    return {"jid": phone.lid_jid, "phone_number": phone.jid}


def people(tag: str, phones: Iterable[Phone], attrs: Attrs | None = None) -> Node:
    """People to whom something happened."""
    return Node(tag, attrs, [Node("participant", _named(phone)) for phone in phones])


def outcomes(tag: str, found: Iterable[Outcome]) -> Node:
    """What became of the people whom a query names, in its order."""
    return Node(tag, content=[outcome(item) for item in found])


def outcome(item: Outcome, role: Role = Role.MEMBER) -> Node:
    """What became of one of them; who cannot be added gets a code for an invitation."""
    attrs: Attrs = _named(item.phone) if item.phone else {"jid": item.asked}
    attrs |= {"type": role.value}
    if not item.error:
        return Node("participant", attrs)
    content = None
    if item.error == FORBIDDEN and item.phone is not None:
        expiration = int(time.time()) + INVITATION_SECONDS
        invitation: Attrs = {"code": secrets.token_urlsafe(12), "expiration": expiration}
        content = [Node("add_request", invitation)]
    return Node("participant", attrs | {"error": item.error}, content)
