"""Who is online, who types, and who hears of it.

A device hears of somebody's presence once it asked to, and of typing in its chats; of both only
while it is online itself. Its own presence ends with its line. An account is online while its
phone or one of its devices is.

Source: whatsmeow's presence.go.
"""

from __future__ import annotations

import hmac
import time
from typing import Final

from sandbox.line import Line
from sandbox.lines import Lines
from sandbox.sightings import SightingKind, Sightings, Typing
from sandbox.stanzas import Attrs, Chat
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.jid import Jid
from sandbox.wire.node import Node

_TOKEN_INFO: Final = b"sandbox trusted contact token"


class PresenceDesk:
    """The desk for presence and typing."""

    def __init__(self, store: Store, lines: Lines, sightings: Sightings, unknown: Unknown) -> None:
        self._store = store
        self._lines = lines
        self._sightings = sightings
        self._unknown = unknown
        self._online: dict[str, set[int]] = {}
        self._last_seen: dict[str, int] = {}
        self._watchers: dict[str, set[tuple[str, int]]] = {}

    def available(self, number: str) -> bool:
        """Whether an account is online."""
        return bool(self._online.get(number))

    def take(self, device: Device, stanza: Node) -> None:
        """A device says that it is online or offline, or asks about somebody."""
        kind = stanza.text("type")
        if kind in ("available", "unavailable"):
            self.change(device.number, device.device, available=kind == "available")
            if kind == "available":
                self._tell_all(device)
        elif kind == "subscribe" and (watched := self._person(stanza.jid("to"))):
            self._subscribe(device, watched, stanza.bytes_of("tctoken"))
        else:
            self._unknown.report(Kind.STANZA, str(device.jid), str(stanza))

    def lost(self, line: Line) -> None:
        """A device's line is gone, unless it is back already."""
        device = line.device
        if device is not None and self._lines.of(device.number, device.device) is None:
            self.forget(device)

    def forget(self, device: Device) -> None:
        """A device's session begins or ends: it is offline, and hears of nobody."""
        for watchers in self._watchers.values():
            watchers.discard((device.number, device.device))
        self.change(device.number, device.device, available=False)

    def change(self, number: str, device: int, *, available: bool) -> None:
        """A phone or a device goes online or offline."""
        before = self.available(number)
        there = self._online.setdefault(number, set())
        (there.add if available else there.discard)(device)
        if self.available(number) == before:
            return
        if before:
            self._last_seen[number] = int(time.time())
        for acquaintance in self._store.messages.acquaintances(number):
            if not self._hidden(number, acquaintance):
                self._sightings.add(
                    acquaintance, SightingKind.PRESENCE, number, device, available=not before
                )
        for watcher in self._watchers.get(number, ()):
            self._tell(watcher, self._store.phones.get(number))

    def typing(self, device: Device, stanza: Node) -> None:
        """A device shows that it types or records in a chat."""
        to = stanza.jid("to")
        chat = (self._store.groups.at(to) or self._store.phones.at(to)) if to else None
        first = stanza.children[0] if stanza.children else None
        typing = _typing(first) if first is not None else None
        if chat is None or typing is None:
            self._unknown.report(Kind.STANZA, str(device.jid), str(stanza))
            return
        self.type(self._store.phones.get(device.number), device.device, chat, typing)

    def type(self, writer: Phone, device: int, chat: Chat, typing: Typing) -> None:
        """Somebody types in a chat: its other people see it."""
        group = isinstance(chat, Group)
        readers = chat.numbers if isinstance(chat, Group) else [chat.number]
        for number in readers:
            if number == writer.number or self._store.people.blocks(number, writer.number):
                continue
            self._sightings.add(
                number,
                SightingKind.TYPING,
                writer.number,
                device,
                chat=str(chat.jid) if group else writer.number,
                typing=typing,
            )
            for reader in self._store.devices.of(number):
                self._show(reader, _chat_state(writer, chat, typing))

    def token_of(self, phone: Phone, number: str) -> bytes:
        """What shows that a phone trusts a number."""
        return hmac.digest(phone.identity.seed, _TOKEN_INFO + number.encode(), "sha256")[:16]

    def _subscribe(self, device: Device, watched: Phone, token: bytes) -> None:
        own = (device.number, device.device)
        self._watchers.setdefault(watched.number, set()).add(own)
        self._sightings.add(
            watched.number,
            SightingKind.SUBSCRIPTION,
            *own,
            token=token == self.token_of(watched, device.number),
        )
        self._tell(own, watched)

    def _tell_all(self, device: Device) -> None:
        """What a device missed of those whom it asked about while it was not online."""
        own = (device.number, device.device)
        for number, watchers in self._watchers.items():
            if own in watchers:
                self._tell(own, self._store.phones.get(number))

    def _tell(self, watcher: tuple[str, int], watched: Phone) -> None:
        device = self._store.devices.get(*watcher)
        if device is None or self._hidden(watched.number, device.number):
            return
        attrs: Attrs = {"from": watched.lid_jid}
        if not self.available(watched.number):
            last_seen: str | int | None = self._last_seen.get(watched.number)
            if self._store.people.get(watched.number).hides("last"):
                last_seen = "deny"
            attrs |= {"type": "unavailable", "last": last_seen}
        self._show(device, Node("presence", attrs))

    def _hidden(self, number: str, other: str) -> bool:
        """Whether nobody, or the other, may see that somebody is online."""
        person = self._store.people.get(number)
        shy = person.privacy.get("online") == "match_last_seen" and person.hides("last")
        return shy or other in person.blocked

    def _show(self, device: Device, node: Node) -> None:
        """Send a device what it hears only while it is online."""
        line = self._lines.of(device.number, device.device)
        if line and line.active and device.device in self._online.get(device.number, ()):
            line.send(node)

    def _person(self, jid: Jid | None) -> Phone | None:
        return self._store.phones.at(jid) if jid else None


def _typing(child: Node) -> Typing | None:
    if child.tag == "composing":
        return Typing.RECORDING if child.text("media") == "audio" else Typing.COMPOSING
    return Typing.PAUSED if child.tag == "paused" else None


def _chat_state(writer: Phone, chat: Chat, typing: Typing) -> Node:
    media = "audio" if typing is Typing.RECORDING else None
    what = Node("paused" if typing is Typing.PAUSED else "composing", {"media": media})
    if isinstance(chat, Group):
        attrs = {"from": chat.jid, "participant": writer.lid_jid}
        return Node("chatstate", attrs, [what])
    return Node("chatstate", {"from": writer.lid_jid}, [what])
