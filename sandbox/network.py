"""The whole of the simulated WhatsApp: where every stanza of every line is dispatched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sandbox.app_state import AppState
from sandbox.authority import NoiseAuthority
from sandbox.code_pairing import CodePairing
from sandbox.delivery import Delivery
from sandbox.faults import Fault, Faults, HalfOpen, RefuseConnections, Silence
from sandbox.group_life import GroupLife
from sandbox.groups import GroupDesk
from sandbox.handset import Handset
from sandbox.keydesk import KeyDesk
from sandbox.line import Line, Transport
from sandbox.lines import Lines
from sandbox.login import Login
from sandbox.mail import Mail
from sandbox.media_auth import MediaAuth
from sandbox.media_host import MediaHost
from sandbox.pairing import Pairing
from sandbox.pictures import PictureDesk
from sandbox.presence import PresenceDesk
from sandbox.queries import Queries
from sandbox.retries import Retries
from sandbox.settings_desk import SettingsDesk
from sandbox.sightings import Sightings
from sandbox.state.devices import Device
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.wire.node import Node

_SILENTLY_TAKEN: Final = frozenset({"ib"})


class Network:
    """The parts, put together."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.authority = NoiseAuthority(store.database)
        self.unknown = Unknown()
        self.faults = Faults()
        self.lines = Lines()
        self.keys = KeyDesk(store, self._ask_for_keys)
        self.handset = Handset(store, self.keys)
        self.delivery = Delivery(store, self.lines)
        self.groups = GroupLife(store, self.delivery)
        self.sightings = Sightings()
        self.presence = PresenceDesk(store, self.lines, self.sightings, self.unknown)
        self.pictures = PictureDesk(store, self.delivery, self.groups)
        self.settings = SettingsDesk(store, self.delivery, self.presence.token_of)
        self.app_state = AppState(store, self.delivery, self.handset, self.unknown)
        retries = Retries(
            store,
            self.delivery,
            self.handset,
            self.keys,
            faults=self.faults,
            unknown=self.unknown,
        )
        self.mail = Mail(
            store=store,
            delivery=self.delivery,
            handset=self.handset,
            retries=retries,
            sightings=self.sightings,
            faults=self.faults,
            unknown=self.unknown,
        )
        self.pairing = Pairing(store, self.faults, self.delivery.announce_devices)
        self.code_pairing = CodePairing(store, self.faults, self.pairing)
        self.login = Login(store, self.lines, self.pairing, self.faults)
        media_auth = MediaAuth(store.database)
        self.media_host = MediaHost(store.media, media_auth, self.faults, self.unknown)
        self.queries = Queries(
            store=store,
            lines=self.lines,
            keys=self.keys,
            delivery=self.delivery,
            groups=GroupDesk(store, self.groups),
            pictures=self.pictures,
            settings=self.settings,
            app_state=self.app_state,
            pairing=self.pairing,
            media_auth=media_auth,
            faults=self.faults,
            unknown=self.unknown,
        )

    def connect(self, transport: Transport) -> Connection:
        """Take a new client."""
        return Connection(self, transport)

    def refuses(self) -> bool:
        """Whether new connections are refused now."""
        return self.faults.bite(RefuseConnections) is not None

    def refresh_silence(self) -> None:
        """Apply the silences that are set, and end those that are over."""
        silences = [
            fault.number for fault in self.faults.all() if isinstance(fault.behaviour, Silence)
        ]
        for line in self.lines.of_number(""):
            number = line.device.number if line.device else ""
            silent = "" in silences or number in silences
            if line.silent and not silent:
                line.silent = False
                if line.active:
                    self.delivery.flush(line)
            line.silent = silent

    def break_lines(self, fault: Fault) -> None:
        """Apply a fault that breaks the lines that are open, for good."""
        for line in self.lines.of_number(fault.number):
            if isinstance(fault.behaviour, HalfOpen):
                line.freeze()
            else:
                line.deaf = True
            fault.bitten += 1

    def opened(self, line: Line, payload: Any) -> None:
        """A line's handshake is done."""
        with self.store.database.transaction():
            self.login.opened(line, payload)
            if line.device is not None:
                self.presence.forget(line.device)

    def received(self, line: Line, stanza: Node) -> None:
        """A stanza came in."""
        with self.store.database.transaction():
            if line.device is None:
                self._take_unpaired(line, stanza)
            else:
                self._take(line, line.device, stanza)

    def _ask_for_keys(self, device: Device, left: int) -> None:
        self.delivery.notify(device, "encrypt", Node("count", {"value": left}))

    def _take_unpaired(self, line: Line, stanza: Node) -> None:
        if self.code_pairing.answered(line, stanza) or self.pairing.answered(line, stanza):
            return
        answer = stanza.tag == "iq" and stanza.text("type") == "result"
        if not answer and stanza.tag not in ("ib", "ack"):
            self.unknown.report(Kind.STANZA, line.name, str(stanza))

    def _take(self, line: Line, device: Device, stanza: Node) -> None:
        if stanza.tag == "iq":
            self.queries.answer(line, device, stanza)
        elif stanza.tag == "message":
            self.mail.take(line, device, stanza)
        elif stanza.tag == "receipt":
            self.mail.receipt(device, stanza)
            line.send(_acknowledged(stanza))
        elif stanza.tag == "ack":
            self.mail.confirm(device, stanza)
        elif stanza.tag == "presence":
            self.presence.take(device, stanza)
        elif stanza.tag == "chatstate":
            self.presence.typing(device, stanza)
        elif stanza.tag not in _SILENTLY_TAKEN:
            self.unknown.report(Kind.STANZA, line.name, str(stanza))


class Connection:
    """One client's line in the network."""

    def __init__(self, network: Network, transport: Transport) -> None:
        self._network = network
        self._line = Line(
            transport,
            network.authority,
            network.opened,
            network.received,
            network.store.database.defer,
        )
        network.lines.open.add(self._line)
        self.feed: Callable[[bytes], None] = self._line.feed

    def lost(self) -> None:
        """The connection is gone."""
        self._network.pairing.lost(self._line)
        self._network.lines.leave(self._line)
        self._network.code_pairing.lost(self._line)
        self._network.presence.lost(self._line)


def _acknowledged(receipt: Node) -> Node:
    attrs: dict[str, Any] = {
        "class": "receipt",
        "id": receipt.text("id"),
        "from": receipt.jid("to"),
        "type": receipt.text("type"),
        "participant": receipt.jid("participant"),
    }
    return Node("ack", attrs)
