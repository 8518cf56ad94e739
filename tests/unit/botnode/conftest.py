"""A node.db in a temporary folder, and what belongs to it."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from botmesh.v1 import message_pb2
from botnode import convert
from botnode.clock import now
from botnode.identity import Identity
from botnode.message import OutboundMessage
from botnode.messages import MessageRows
from botnode.outbox import SendCommand, new_message
from botnode.ownership import Owned, take
from botnode.store import Store

_ids = itertools.count(1)


@pytest.fixture
def identity() -> Identity:
    return Identity("shop", "Shop", "test", "abcd1234", "1.0", now())


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "node.db"


@pytest.fixture
def owned(database: Path, identity: Identity) -> Owned:
    return take(database, identity, sandbox=True)


@pytest.fixture
def store(database: Path, owned: Owned) -> Iterator[Store]:
    store = Store(database, owned.epoch)
    store.start(lambda _: None, lambda: None)
    yield store
    store.close()


@pytest.fixture
def rows() -> MessageRows:
    return MessageRows(convert.message_event("shop"))


@pytest.fixture
def make_message() -> Callable[..., OutboundMessage]:
    def make(
        body: str = "hola", to: str = "5215512345678@s.whatsapp.net", **options: Any
    ) -> OutboundMessage:
        text = message_pb2.MessageContent(text=message_pb2.TextContent(body=body))
        content = text.SerializeToString(deterministic=True)
        command = SendCommand(
            f"request-{next(_ids)}", to, content, hashlib.sha256(content).digest(), **options
        )
        return new_message(command, "+5215500000000")

    return make
