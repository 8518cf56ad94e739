"""The examples in docs/CONTENTS.md are right, and there is one for every kind."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from botmesh import v1
from botmesh.v1 import Event, MessageContent, SendMessageRequest
from botnode.content_rules import checked
from botnode.recipient import canonical_jid

DOC = Path(__file__).resolve().parents[2] / "docs" / "CONTENTS.md"
_SECTION = re.compile(
    r"^## (?P<title>.+?)\n.*?^```python\n(?P<python>.*?)^```\n\n^```sh\n(?P<shell>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
_RECEIVED = re.compile(r"^```python received\n(.*?)^```", re.MULTILINE | re.DOTALL)
RECEIVED_ONLY = {"poll_vote"}
SECTIONS = {found["title"]: found for found in _SECTION.finditer(DOC.read_text())}


@pytest.mark.parametrize("title", SECTIONS)
def test_both_examples_are_the_same_valid_content(title: str) -> None:
    scope: dict[str, Any] = {name: getattr(v1, name) for name in v1.__all__}
    exec(SECTIONS[title]["python"], scope)
    command = shlex.split(SECTIONS[title]["shell"])
    assert command[-1] == "botmesh.v1.BotService/SendMessage"
    given = json.loads(command[command.index("-d") + 1])
    request = json_format.ParseDict(given, SendMessageRequest())
    assert request.content == scope["content"]
    checked(request.content, canonical_jid(request.to))


def test_every_kind_has_an_example() -> None:
    kinds = {field.name for field in MessageContent.DESCRIPTOR.oneofs_by_name["kind"].fields}
    assert kinds - RECEIVED_ONLY <= {title.lower() for title in SECTIONS}
    assert {"Link preview", "Mentions", "Reply", "Forwarded"} <= SECTIONS.keys()
    assert kinds >= RECEIVED_ONLY


def test_the_examples_of_what_is_received_read_what_there_is() -> None:
    """Each is the body of a loop over events: it gets one of every kind."""
    examples = _RECEIVED.findall(DOC.read_text())
    assert len(examples) >= len(RECEIVED_ONLY)
    for example in examples:
        for field in Event.DESCRIPTOR.oneofs_by_name["kind"].fields:
            event = Event()
            getattr(event, field.name).SetInParent()
            exec(example, {"event": event, "print": lambda *_: None})
