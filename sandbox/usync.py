"""What devices can ask about people: who is there, on which devices, and what they show.

Source: whatsmeow's user.go (usync, IsOnWhatsApp, GetUserInfo).
"""

from __future__ import annotations

from typing import Final

from sandbox import protobufs
from sandbox.line import Line
from sandbox.stanzas import Attrs
from sandbox.state.devices import Device
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.jid import CONTACT_SERVER, SERVER, Jid, parse
from sandbox.wire.node import Node

_KNOWN: Final = frozenset(
    ["business", "contact", "devices", "disappearing_mode", "lid", "picture", "status", "username"]
)


class PeopleDesk:
    """The desk for questions about people."""

    def __init__(self, store: Store, unknown: Unknown) -> None:
        self._store = store
        self._unknown = unknown

    def describe(self, _line: Line, device: Device, query: Node) -> list[Node]:
        """The answer to a question about some people."""
        question, asked = query.find("usync", "query"), query.find("usync", "list")
        tags = {child.tag for child in (question.children if question else ())}
        if tags - _KNOWN:
            self._unknown.report(Kind.QUERY, str(device.jid), str(query))
        users = [
            self._described(device.number, user, tags)
            for user in (asked.all("user") if asked else ())
        ]
        attrs = dict(query.children[0].attrs)
        return [Node("usync", attrs, [Node("list", content=users)])]

    def _described(self, asker: str, user: Node, tags: set[str]) -> Node:
        contact = user.find("contact")
        jid = parse(contact.data.decode().removeprefix("+")) if contact else user.jid("jid")
        phone = self._store.phones.at(jid) if jid else None
        here = phone is not None and phone.on_whatsapp
        content: list[Node] = []
        attrs: Attrs = {"jid": jid}
        if contact is not None:
            content.append(Node("contact", {"type": "in" if here else "out"}, contact.data))
            attrs = {"jid": phone.lid_jid if phone and here else jid}
            if phone is not None and here:
                attrs["pn_jid"] = phone.jid
            elif jid is not None and jid.server == CONTACT_SERVER:
                attrs = {"jid": Jid(jid.user, SERVER.server)}
        if phone is not None and here:
            content += self._facts(asker, phone, tags)
        return Node("user", attrs, content)

    def _facts(self, asker: str, phone: Phone, tags: set[str]) -> list[Node]:
        facts = []
        if "devices" in tags:
            numbers = [0, *(device.device for device in self._store.devices.of(phone.number))]
            listed = [Node("device", {"id": number}) for number in numbers]
            facts.append(Node("devices", content=[Node("device-list", content=listed)]))
        if "lid" in tags:
            facts.append(Node("lid", {"val": phone.lid_jid}))
        return facts + self._profile(asker, phone, tags)

    def _profile(self, asker: str, phone: Phone, tags: set[str]) -> list[Node]:
        """What a person shows of themselves to who asks."""
        person = self._store.people.get(phone.number)
        stranger = asker in person.blocked
        picture = self._store.pictures.of(phone.lid_jid)
        facts = []
        if "status" in tags:
            hidden = stranger or person.hides("status")
            facts.append(Node("status", content=b"" if hidden else person.about.encode()))
        if "picture" in tags and picture and not (stranger or person.hides("profile")):
            facts.append(Node("picture", {"id": picture.id}))
        if "business" in tags and person.verified_name:
            facts.append(Node("business", content=[_verified_name(person.verified_name)]))
        return facts


def _verified_name(name: str) -> Node:
    details = protobufs.vname.VerifiedNameCertificate.Details(
        serial=1, issuer="smb:wa", verifiedName=name
    )
    certificate = protobufs.vname.VerifiedNameCertificate(details=details.SerializeToString())
    attrs: Attrs = {"v": 1, "verified_level": "unknown", "host_storage": 1, "actual_actors": 1}
    return Node("verified_name", attrs, certificate.SerializeToString())
