"""What people do in groups, whether with their phone or a linked device: who may, and who hears.

Every device of everybody in a group is told of each change (notification ``w:gp2``), who made it
included; who comes in is told what the group is (``create``), who goes is told that (``remove``).

Refusals, as bots of other libraries report them of WhatsApp: 401 for who is no admin, 403 for who
is not in the group, 406 for a value that cannot be, 409 for a description that somebody else
changed meanwhile and for a member who joins. In the answers for each person: 403 they let only
contacts add them, 404 there is no such, 408 they left a moment ago, 409 they are in it already.

Source: whatsmeow's group.go and errors.go.
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from sandbox.delivery import Delivery
from sandbox.group_nodes import Outcome, add_mode, approval, described, description, people
from sandbox.query_error import QueryError
from sandbox.stanzas import Attrs
from sandbox.state.groups import CODE_SIZE, Group, Role, Standing
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

SUBJECT_MOST: Final = 100
DESCRIPTION_MOST: Final = 2048
MEMBERS_MOST: Final = 1024
EPHEMERAL: Final = frozenset({0, 86_400, 604_800, 7_776_000})


class GroupLife:
    """All that can happen in groups. Raises QueryError where WhatsApp refuses."""

    def __init__(self, store: Store, delivery: Delivery) -> None:
        self._store = store
        self._delivery = delivery

    # -- people

    def create(self, by: Phone, subject: str, asked: list[Jid]) -> tuple[Group, list[Outcome]]:
        """Make a group, and tell its members."""
        check_subject(subject)
        if len(asked) >= MEMBERS_MOST:
            raise QueryError(419)
        found = [self._addable(None, jid) for jid in asked]
        members = [item.phone for item in found if item.phone and not item.error]
        group = self._store.groups.create(subject, [by.number, *(m.number for m in members)])
        self.welcome(group, by, group.numbers, {"type": "new"})
        return group, found

    def add(self, by: Phone, group: Group, asked: list[Jid]) -> list[Outcome]:
        """Add people to a group."""
        self._check_member(by, group)
        if group.settings.admins_add:
            self.check_admin(by, group)
        if len(group.numbers) + len(asked) > MEMBERS_MOST:
            raise QueryError(419)
        found = [self._addable(group, jid) for jid in asked]
        self.enter(group, by, [item.phone for item in found if item.phone and not item.error])
        return found

    def remove(self, by: Phone, group: Group, asked: list[Jid]) -> list[Outcome]:
        """Remove people from a group."""
        self.check_admin(by, group)
        found = [self._member(group, jid, but=Role.SUPER_ADMIN) for jid in asked]
        gone = [item.phone for item in found if item.phone and not item.error]
        self.expel(group, by, gone, Standing.REMOVED)
        return found

    def leave(self, by: Phone, group: Group) -> None:
        """Leave a group; who leaves last leaves nobody, else somebody is its admin afterwards."""
        if by.number not in group.numbers:
            raise QueryError(404)
        self.expel(group, by, [by], Standing.LEFT)
        if group.numbers and not group.roles:
            self._give_role(group, by, group.numbers[:1], Role.ADMIN)

    def promote(self, by: Phone, group: Group, asked: list[Jid]) -> list[Outcome]:
        """Make people admins."""
        return self._set_role(by, group, asked, Role.ADMIN)

    def demote(self, by: Phone, group: Group, asked: list[Jid]) -> list[Outcome]:
        """Make admins members again."""
        return self._set_role(by, group, asked, Role.MEMBER)

    def enter(
        self, group: Group, by: Phone, phones: list[Phone], how: Attrs | None = None
    ) -> list[str]:
        """People come into a group; those who were not in it."""
        before = list(group.numbers)
        added = self._store.groups.add(group, [phone.number for phone in phones])
        if added:
            came = [self._store.phones.get(number) for number in added]
            self._tell(group, by, people("add", came, how), before)
            self.welcome(group, by, added, how)
        return added

    def expel(self, group: Group, by: Phone, phones: list[Phone], standing: Standing) -> None:
        """People go from a group."""
        before = list(group.numbers)
        gone = self._store.groups.remove(group, [phone.number for phone in phones], standing)
        if gone:
            went = [self._store.phones.get(number) for number in gone]
            self._tell(group, by, people("remove", went), before)

    def welcome(
        self, group: Group, by: Phone, numbers: list[str], how: Attrs | None = None
    ) -> None:
        """Tell people what the group is that they are in now."""
        self._tell(group, by, Node("create", how, [described(self._store, group)]), numbers)

    # -- what a group is

    def rename(self, by: Phone, group: Group, subject: str) -> None:
        """Give a group another subject."""
        self.check_editor(by, group)
        check_subject(subject)
        group.subject = subject
        settings = group.settings
        settings.subject_by, settings.subject_at = by.number, time.time()
        attrs: Attrs = {
            "subject": subject,
            "s_t": int(settings.subject_at),
            "s_o": by.lid_jid,
            "s_o_pn": by.jid,
        }
        self._changed(group, by, Node("subject", attrs))

    def describe(
        self,
        by: Phone,
        group: Group,
        text: str,
        *,
        new_id: str = "",
        previous_id: str | None = None,
    ) -> None:
        """Give a group another description, in place of one with a known id."""
        self.check_editor(by, group)
        settings = group.settings
        if len(text) > DESCRIPTION_MOST:
            raise QueryError(406)
        if previous_id is not None and previous_id != settings.description_id:
            raise QueryError(409)
        settings.description = text
        settings.description_id = new_id or secrets.token_hex(8).upper()
        settings.description_by, settings.description_at = by.number, time.time()
        self._changed(group, by, description(text, settings.description_id))
        if not text:
            settings.description_id = ""
            self._store.groups.save(group)

    def announce(self, by: Phone, group: Group, *, on: bool) -> None:
        """Let only admins write, or all."""
        self.check_admin(by, group)
        group.settings.announce = on
        tag = "announcement" if on else "not_announcement"
        self._changed(group, by, Node(tag, {"v_id": str(group.settings.version + 1)}))

    def lock(self, by: Phone, group: Group, *, on: bool) -> None:
        """Let only admins change what a group is, or all."""
        self.check_admin(by, group)
        group.settings.locked = on
        self._changed(group, by, Node("locked" if on else "unlocked"))

    def disappear(self, by: Phone, group: Group, seconds: int) -> None:
        """Have messages disappear after a time, or not (0)."""
        self.check_editor(by, group)
        if seconds not in EPHEMERAL:
            raise QueryError(400)
        group.settings.ephemeral_seconds = seconds
        node = Node("ephemeral", {"expiration": seconds}) if seconds else Node("not_ephemeral")
        self._changed(group, by, node)

    def approve_who_joins(self, by: Phone, group: Group, *, on: bool) -> None:
        """Have admins approve who joins, or not."""
        self.check_admin(by, group)
        group.settings.approval = on
        self._changed(group, by, approval(on=on))

    def let_add(self, by: Phone, group: Group, *, admins: bool) -> None:
        """Let only admins add people, or all."""
        self.check_admin(by, group)
        group.settings.admins_add = admins
        self._changed(group, by, add_mode(admins=admins))

    # -- the invite link

    def invite_code(self, by: Phone, group: Group, *, reset: bool) -> str:
        """The code that leads into a group."""
        self.check_admin(by, group)
        code = self._store.groups.invite_code(group, reset=reset)
        if reset:
            self._changed(group, by, Node("invite", {"code": code}))
        return code

    def behind(self, code: str) -> Group:
        """The group that a code leads to."""
        if len(code) != CODE_SIZE or not (code.isascii() and code.isalnum()):
            raise QueryError(406)
        found = self._store.groups.by_code(code)
        if found is None:
            raise QueryError(404)
        group, valid = found
        if not valid:
            raise QueryError(410)
        return group

    def join(self, by: Phone, code: str) -> tuple[Group, bool]:
        """Join a group by its code; false if its admins were asked instead."""
        group = self.behind(code)
        groups = self._store.groups
        if by.number in group.numbers:
            raise QueryError(409)
        if groups.standing(group, by.number) is Standing.REMOVED:
            raise QueryError(401)
        if len(group.numbers) >= MEMBERS_MOST:
            raise QueryError(419)
        if not group.settings.approval:
            self.enter(group, by, [by], {"reason": "invite"})
            return group, True
        groups.set_standing(group, by.number, Standing.ASKING)
        asked = Node("requested_user", {"jid": by.lid_jid, "phone_number": by.jid})
        told = Node("created_membership_requests", {"request_method": "invite_link"}, [asked])
        self._tell(group, by, told, list(group.roles))
        return group, False

    def decide(self, by: Phone, group: Group, asked: list[Jid], *, let_in: bool) -> list[Outcome]:
        """Let in who asks to join, or not."""
        self.check_admin(by, group)
        groups, found = self._store.groups, []
        for jid in asked:
            phone = self._store.phones.at(jid)
            waits = phone and groups.standing(group, phone.number) is Standing.ASKING
            found.append(Outcome(jid, phone, 0 if waits else 404))
            if phone and waits:
                groups.forget_standing(group, phone.number)
                if let_in:
                    self.enter(group, by, [phone], {"reason": "linked_group_join"})
        return found

    # -- shared

    def _addable(self, group: Group | None, jid: Jid) -> Outcome:
        phone = self._store.phones.at(jid)
        if phone is None or not phone.on_whatsapp:
            return Outcome(jid, phone, 404)
        if group is not None:
            if phone.number in group.numbers:
                return Outcome(jid, phone, 409)
            if self._store.groups.standing(group, phone.number) is Standing.LEFT:
                return Outcome(jid, phone, 408)
        shy = self._store.people.get(phone.number).hides("groupadd")
        return Outcome(jid, phone, 403 if shy else 0)

    def _member(self, group: Group, jid: Jid, *, but: Role) -> Outcome:
        phone = self._store.phones.at(jid)
        if phone is None or phone.number not in group.numbers:
            return Outcome(jid, phone, 404)
        return Outcome(jid, phone, 405 if group.role(phone.number) is but else 0)

    def _set_role(self, by: Phone, group: Group, asked: list[Jid], role: Role) -> list[Outcome]:
        self.check_admin(by, group)
        # Who made the group stays what they are.
        found = [self._member(group, jid, but=Role.SUPER_ADMIN) for jid in asked]
        numbers = [item.phone.number for item in found if item.phone and not item.error]
        self._give_role(group, by, numbers, role)
        return found

    def _give_role(self, group: Group, by: Phone, numbers: list[str], role: Role) -> None:
        changed = self._store.groups.set_role(group, numbers, role)
        if changed:
            tag = "promote" if role is Role.ADMIN else "demote"
            whom = [self._store.phones.get(number) for number in changed]
            self._tell(group, by, people(tag, whom), group.numbers)

    def _changed(self, group: Group, by: Phone, what: Node) -> None:
        group.settings.version += 1
        self._store.groups.save(group)
        self._tell(group, by, what, group.numbers)

    def _check_member(self, by: Phone, group: Group) -> None:
        if by.number not in group.numbers:
            raise QueryError(403)

    def check_admin(self, by: Phone, group: Group) -> None:
        """Refuse who is no admin of a group."""
        self._check_member(by, group)
        if group.role(by.number) is Role.MEMBER:
            raise QueryError(401)

    def check_editor(self, by: Phone, group: Group) -> None:
        """Refuse who may not change what a group is: all may, unless it is locked."""
        if group.settings.locked:
            self.check_admin(by, group)
        else:
            self._check_member(by, group)

    def _tell(self, group: Group, by: Phone, what: Node, numbers: list[str]) -> None:
        also: Attrs = {
            "participant_pn": by.jid,
            "notify": by.push_name,
            "addressing_mode": "lid",
        }
        for number in numbers:
            for device in self._store.devices.of(number):
                self._delivery.notify(device, "w:gp2", what, group.jid, by.lid_jid, also=also)


def check_subject(subject: str) -> None:
    """Whether a group can be called so; raises QueryError."""
    if not subject.strip() or len(subject) > SUBJECT_MOST:
        raise QueryError(406)
