"""The questions of a logged-in device (``<iq>``) and their answers.

A query is known by its namespace, type and first child. One that is not known is reported and
answered with error 501, so that the client does not wait for its 75 seconds.

Source: whatsmeow's user.go, prekeys.go, mediaconn.go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from sandbox.app_state import AppState
from sandbox.delivery import Delivery
from sandbox.faults import Fault, Faults, HoldQuery, Question, RefuseActivation, RefuseQuery
from sandbox.groups import GroupDesk
from sandbox.keydesk import KeyDesk, key_nodes
from sandbox.line import Line
from sandbox.lines import Lines, end, removed
from sandbox.media_auth import LIFETIME_SECONDS, MediaAuth
from sandbox.pairing import Pairing
from sandbox.pictures import PictureDesk
from sandbox.query_error import QueryError
from sandbox.settings_desk import SettingsDesk
from sandbox.state.devices import Device
from sandbox.state.media import HOSTS
from sandbox.state.store import Store
from sandbox.unknown import Kind, Unknown
from sandbox.usync import PeopleDesk
from sandbox.wire.jid import SERVER, Jid
from sandbox.wire.node import Node

_MEDIA_BUCKETS: Final = 12
_OF_SPACE: Final = {
    "w:profile:picture": Question.PICTURE,
    "blocklist": Question.BLOCK_LIST,
    "privacy": Question.PRIVACY,
}
_OF_FIRST: Final = {
    ("w:g2", "query"): Question.GROUP,
    ("w:g2", "set"): Question.GROUP_CHANGE,
    ("encrypt", "key"): Question.PRE_KEYS,
}
_Answer = Callable[[Line, Device, Node], list[Node] | None]


class Queries:
    """Answers queries."""

    def __init__(
        self,
        *,
        store: Store,
        lines: Lines,
        keys: KeyDesk,
        delivery: Delivery,
        groups: GroupDesk,
        pictures: PictureDesk,
        settings: SettingsDesk,
        app_state: AppState,
        pairing: Pairing,
        media_auth: MediaAuth,
        faults: Faults,
        unknown: Unknown,
    ) -> None:
        self._store = store
        self._lines = lines
        self._keys = keys
        self._delivery = delivery
        self._faults = faults
        self._pairing = pairing
        self._media_auth = media_auth
        self._unknown = unknown
        self._app_state = app_state
        people = PeopleDesk(store, unknown)
        self._answers: dict[tuple[str, str, str], _Answer] = {
            ("w:p", "get", ""): self._nothing,
            ("encrypt", "get", "count"): self._count_keys,
            ("encrypt", "set", "registration"): self._save_keys,
            ("encrypt", "get", "key"): self._give_keys,
            ("passive", "set", "active"): self._go_active,
            ("passive", "set", "passive"): self._nothing,
            ("usync", "get", "usync"): people.describe,
            ("privacy", "set", "tokens"): self._nothing,
            ("privacy", "get", "privacy"): settings.privacy,
            ("privacy", "set", "privacy"): settings.change_privacy,
            ("blocklist", "get", ""): settings.block_list,
            ("blocklist", "set", "item"): settings.block,
            ("w:profile:picture", "get", "picture"): pictures.describe,
            ("w:profile:picture", "set", "picture"): pictures.change,
            ("w:profile:picture", "set", ""): pictures.change,
            ("w:m", "set", "media_conn"): self._media,
            ("w:sync:app:state", "set", "sync"): app_state.sync,
            ("urn:xmpp:whatsapp:dirty", "set", "clean"): self._nothing,
            ("md", "set", "remove-companion-device"): self._unlink,
            **groups.answers(),
        }

    def answer(self, line: Line, device: Device, query: Node) -> None:
        """Answer one query, now or when a fault lets it go."""
        if query.text("type") in ("result", "error"):
            return
        asked = _question(query)
        fault = None
        if asked is not None:
            fault = self._faults.caught(
                lambda found: isinstance(found, HoldQuery) and found.question is asked,
                device.number,
                self._subjects(query),
            )
        if fault is None:
            self._answer(line, device, query)
        else:
            self._hold(fault, line, device, query)

    def _hold(self, fault: Fault, line: Line, device: Device, query: Node) -> None:
        def let_go() -> None:
            if not (line.closed or device.removed):
                with self._store.database.transaction():
                    self._answer(line, device, query)

        if isinstance(fault.behaviour, HoldQuery) and fault.behaviour.seconds is not None:
            asyncio.get_running_loop().call_later(fault.behaviour.seconds, let_go)
        else:
            fault.held.append(let_go)

    def _subjects(self, query: Node) -> set[str]:
        """Whom a query is about: numbers, or a group's address."""
        listed = query.find("usync", "list") or query.find("key")
        users = [user.jid("jid") for user in listed.all("user")] if listed else []
        phones = [self._store.phones.at(jid) for jid in users if jid]
        return {str(query.jid("to")), *(phone.number for phone in phones if phone)}

    def _answer(self, line: Line, device: Device, query: Node) -> None:
        first = query.children[0].tag if query.children else ""
        answer = self._answers.get((query.text("xmlns"), query.text("type"), first))
        attrs: dict[str, str | int | Jid | None] = {
            "from": query.jid("to") or SERVER,
            "id": query.text("id"),
            "type": "result",
        }
        try:
            self._check_refused(device, query)
            line.send(Node("iq", attrs, (answer or self._refuse)(line, device, query)))
        except QueryError as error:
            refused = Node("error", {"code": error.code, "text": str(error)})
            line.send(Node("iq", {**attrs, "type": "error"}, [refused]))
            return
        if first == "active":
            self._welcome(line, device)
        elif first == "remove-companion-device":
            self.log_out(device)

    def _check_refused(self, device: Device, query: Node) -> None:
        fault = self._faults.caught(
            lambda found: (
                isinstance(found, RefuseQuery) and found.namespace in ("", query.text("xmlns"))
            ),
            device.number,
            self._subjects(query),
        )
        if fault is not None and isinstance(fault.behaviour, RefuseQuery):
            raise QueryError(fault.behaviour.code)

    def log_out(self, device: Device) -> None:
        """Unlink a device, and tell it if it is there."""
        with self._store.database.transaction():
            self._store.devices.remove(device)
            self._delivery.announce_devices(device)
        line = self._lines.of(device.number, device.device)
        if line is not None:
            end(line, removed())

    def _refuse(self, _line: Line, device: Device, query: Node) -> list[Node]:
        self._unknown.report(Kind.QUERY, str(device.jid), str(query))
        raise QueryError(501)

    @staticmethod
    def _nothing(_line: Line, _device: Device, _query: Node) -> None:
        return None

    def _count_keys(self, _line: Line, device: Device, _query: Node) -> list[Node]:
        return [Node("count", {"value": self._store.devices.pre_key_count(device)})]

    def _save_keys(self, _line: Line, device: Device, query: Node) -> None:
        signed = query.find("skey")
        if signed is not None:
            device.signed_pre_key_id = int.from_bytes(signed.bytes_of("id"), "big")
            device.signed_pre_key = signed.bytes_of("value")
            device.signature = signed.bytes_of("signature")
        keys = query.find("list")
        self._store.devices.save_keys(
            device,
            [
                (int.from_bytes(key.bytes_of("id"), "big"), key.bytes_of("value"))
                for key in (keys.all("key") if keys else ())
            ],
        )

    def _give_keys(self, _line: Line, _device: Device, query: Node) -> list[Node]:
        asked = query.find("key")
        users = [self._keys_of(user.jid("jid")) for user in (asked.all("user") if asked else ())]
        return [Node("list", content=users)]

    def _keys_of(self, jid: Jid | None) -> Node:
        bundle = self._keys.bundle(jid) if jid else None
        if bundle is None:
            return Node("user", {"jid": jid}, [Node("error", {"code": 404})])
        return Node("user", {"jid": jid}, key_nodes(bundle))

    def _go_active(self, line: Line, device: Device, _query: Node) -> None:
        if self._faults.bite(RefuseActivation, device.number):
            raise QueryError(503)
        line.active = True

    def _welcome(self, line: Line, device: Device) -> None:
        """After the answer to ``active``: what waited, and how much it was."""
        self._pairing.logged_in(device)
        waiting = self._store.queue.waiting(device.number, device.device)
        kinds = [queued.kind for queued in waiting]
        preview = {
            "count": len(kinds),
            "appdata": 0,
            "message": kinds.count("message"),
            "notification": kinds.count("notification"),
            "receipt": kinds.count("receipt"),
        }
        line.send(Node("ib", {"from": SERVER}, [Node("offline_preview", preview)]))
        count = self._delivery.flush(line, offline=True)
        line.send(Node("ib", {"from": SERVER}, [Node("offline", {"count": count})]))
        self._app_state.logged_in(device)

    def _media(self, _line: Line, device: Device, _query: Node) -> list[Node]:
        attrs: dict[str, str | int | Jid | None] = {
            "auth": self._media_auth.grant(device.number),
            "ttl": LIFETIME_SECONDS,
            "auth_ttl": LIFETIME_SECONDS,
            "max_buckets": _MEDIA_BUCKETS,
        }
        hosts = [Node("host", {"hostname": host}) for host in HOSTS]
        return [Node("media_conn", attrs, hosts)]

    @staticmethod
    def _unlink(_line: Line, _device: Device, _query: Node) -> None:
        return None


def _question(query: Node) -> Question | None:
    """What a query asks, if a fault can hold it."""
    space, first = query.text("xmlns"), query.children[0].tag if query.children else ""
    kind = "set" if query.text("type") == "set" else first
    if found := _OF_SPACE.get(space) or _OF_FIRST.get((space, kind)):
        return found
    asked = query.find("usync", "query") if space == "usync" else None
    tags = {child.tag for child in asked.children} if asked else set()
    if tags == {"devices"}:
        return Question.DEVICES
    if "contact" in tags:
        return Question.PEOPLE
    return Question.LID if "lid" in tags else None
