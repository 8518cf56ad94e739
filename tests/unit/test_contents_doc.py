"""The examples in docs/CONTENTS.md are right, and there is one for every kind."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from botmesh import v1
from botmesh.v1 import MessageContent, SendMessageRequest
from botnode.content_rules import checked
from botnode.recipient import canonical_jid

DOC = Path(__file__).resolve().parents[2] / "docs" / "CONTENTS.md"
_SECTION = re.compile(
    r"^## (?P<title>.+?)\n.*?^```python\n(?P<python>.*?)^```\n\n^```sh\n(?P<shell>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
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
    assert kinds <= {title.lower() for title in SECTIONS}
    assert {"Mentions", "Reply", "Forwarded"} <= SECTIONS.keys()
