"""What devices can ask about groups and do in them.

Source: whatsmeow's group.go, and SetDisappearingTimer in its send.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sandbox.group_life import GroupLife
from sandbox.group_nodes import Outcome, described, outcome, outcomes
from sandbox.line import Line
from sandbox.query_error import QueryError
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

Answer = Callable[[Line, Device, Node], list[Node] | None]
Key = tuple[str, str, str]
_SPACE: Final = "w:g2"


class GroupDesk:
    """The desk for groups."""

    def __init__(self, store: Store, life: GroupLife) -> None:
        self._store = store
        self._life = life

    def answers(self) -> dict[Key, Answer]:
        """What is asked, by namespace, type and first child, and who answers it."""
        life = self._life
        changes: dict[str, Callable[[Phone, Group, Node], list[Node] | None]] = {
            "add": lambda by, group, node: self._people(life.add, by, group, node),
            "remove": lambda by, group, node: self._people(life.remove, by, group, node),
            "promote": lambda by, group, node: self._people(life.promote, by, group, node),
            "demote": lambda by, group, node: self._people(life.demote, by, group, node),
            "subject": lambda by, group, node: life.rename(by, group, _text(node)),
            "description": self._set_description,
            "announcement": lambda by, group, _: life.announce(by, group, on=True),
            "not_announcement": lambda by, group, _: life.announce(by, group, on=False),
            "locked": lambda by, group, _: life.lock(by, group, on=True),
            "unlocked": lambda by, group, _: life.lock(by, group, on=False),
            "ephemeral": lambda by, group, node: life.disappear(
                by, group, _number(node, "expiration")
            ),
            "not_ephemeral": lambda by, group, _: life.disappear(by, group, 0),
            "membership_approval_mode": lambda by, group, node: life.approve_who_joins(
                by, group, on=_state(node) == "on"
            ),
            "member_add_mode": lambda by, group, node: life.let_add(
                by, group, admins=_text(node) == "admin_add"
            ),
            "membership_requests_action": self._decide,
        }
        table: dict[Key, Answer] = {
            (_SPACE, "get", "query"): self._describe,
            (_SPACE, "get", "participating"): self._list_joined,
            (_SPACE, "get", "invite"): self._look_at_invite,
            (_SPACE, "get", "membership_approval_requests"): self._list_asking,
            (_SPACE, "set", "invite"): self._use_invite,
            (_SPACE, "set", "create"): self._create,
            (_SPACE, "set", "leave"): self._leave,
        }
        return table | {
            (_SPACE, "set", tag): self._change(change) for tag, change in changes.items()
        }

    # -- one group

    def _change(self, change: Callable[[Phone, Group, Node], list[Node] | None]) -> Answer:
        def answer(_line: Line, device: Device, query: Node) -> list[Node] | None:
            return change(self._phone(device), self._group(query), query.children[0])

        return answer

    def _people(
        self,
        act: Callable[[Phone, Group, list[Jid]], list[Outcome]],
        by: Phone,
        group: Group,
        node: Node,
    ) -> list[Node]:
        return [outcomes(node.tag, act(by, group, _named(node)))]

    def _set_description(self, by: Phone, group: Group, node: Node) -> None:
        text = "" if node.text("delete") == "true" else node.bytes_of("body").decode()
        self._life.describe(by, group, text, new_id=node.text("id"), previous_id=node.text("prev"))

    def _decide(self, by: Phone, group: Group, node: Node) -> list[Node]:
        verdict = node.children[0]
        found = self._life.decide(by, group, _named(verdict), let_in=verdict.tag == "approve")
        return [Node(node.tag, content=[outcomes(verdict.tag, found)])]

    def _describe(self, _line: Line, device: Device, query: Node) -> list[Node]:
        group = self._group(query)
        if device.number not in group.numbers:
            raise QueryError(403)
        return [described(self._store, group)]

    def _list_asking(self, _line: Line, device: Device, query: Node) -> list[Node]:
        group = self._group(query)
        self._life.check_admin(self._phone(device), group)
        listed = [
            Node(
                "membership_approval_request",
                {
                    "jid": self._store.phones.get(number).lid_jid,
                    "request_time": int(since),
                    "request_method": "InviteLink",
                },
            )
            for number, since in self._store.groups.asking(group)
        ]
        return [Node("membership_approval_requests", content=listed)]

    # -- all groups

    def _list_joined(self, _line: Line, device: Device, _query: Node) -> list[Node]:
        joined = [group for group in self._store.groups.all() if device.number in group.numbers]
        return [Node("groups", content=[described(self._store, group) for group in joined])]

    def _create(self, _line: Line, device: Device, query: Node) -> list[Node]:
        asked = query.children[0]
        by = self._phone(device)
        group, found = self._life.create(by, asked.text("subject"), _named(asked))
        node = described(self._store, group)
        node.children.extend(outcome(item) for item in found if item.error)
        return [node]

    def _leave(self, _line: Line, device: Device, query: Node) -> list[Node]:
        by = self._phone(device)
        asked = [node.jid("id") for node in query.children[0].all("group")]
        left = [Node("group", {"id": jid, "error": self._left(by, jid)}) for jid in asked]
        return [Node("leave", content=left)]

    def _left(self, by: Phone, address: Jid | None) -> int | None:
        """Why somebody did not leave a group."""
        group = self._store.groups.at(address)
        if group is None or by.number not in group.numbers:
            return 404
        self._life.leave(by, group)
        return None

    def _look_at_invite(self, _line: Line, device: Device, query: Node) -> list[Node]:
        code = query.children[0].text("code")
        if code:
            return [described(self._store, self._life.behind(code), members=False)]
        return self._invite(device, query, reset=False)

    def _use_invite(self, _line: Line, device: Device, query: Node) -> list[Node]:
        code = query.children[0].text("code")
        if not code:
            return self._invite(device, query, reset=True)
        group, joined = self._life.join(self._phone(device), code)
        return [Node("group" if joined else "membership_approval_request", {"jid": group.jid})]

    def _invite(self, device: Device, query: Node, *, reset: bool) -> list[Node]:
        by, group = self._phone(device), self._group(query)
        return [Node("invite", {"code": self._life.invite_code(by, group, reset=reset)})]

    # -- shared

    def _phone(self, device: Device) -> Phone:
        return self._store.phones.get(device.number)

    def _group(self, query: Node) -> Group:
        group = self._store.groups.at(query.jid("to"))
        if group is None:
            raise QueryError(404)
        return group


def _named(node: Node) -> list[Jid]:
    return [jid for item in node.all("participant") if (jid := item.jid("jid"))]


def _text(node: Node) -> str:
    return node.data.decode()


def _number(node: Node, key: str) -> int:
    value = node.text(key)
    if not value.isdigit():
        raise QueryError(400)
    return int(value)


def _state(node: Node) -> str:
    state = node.find("group_join")
    return state.text("state") if state else ""
