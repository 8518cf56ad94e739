"""The examples in docs/GROUPS.md are right, and there is one for every method."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from botmesh import v1
from botmesh.v1 import group_pb2
from botnode import group_rules

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "GROUPS.md").read_text()
SERVICE = group_pb2.DESCRIPTOR.services_by_name["GroupService"]
_SECTION = re.compile(
    r"^## (?P<title>\w+)\n.*?^```python\n(?P<python>.*?)^```\n\n^```sh\n(?P<shell>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = {found["title"]: found for found in _SECTION.finditer(DOC)}
BEGINNING = re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)[0]

CHECKS: dict[str, Callable[[Any], Any]] = {
    "CreateGroup": group_rules.founding,
    "UpdateGroup": group_rules.check_update,
    "UpdateGroupParticipants": group_rules.participants,
    "SetGroupPicture": lambda request: group_rules.picture(request.jpeg),
}


class Channel:
    """Keeps what is called, and answers with nothing."""

    def __init__(self) -> None:
        self.called: list[tuple[str, Any]] = []

    def unary_unary(self, path: str, response_deserializer: Any, **_: Any) -> Any:
        def call(request: Any, timeout: float) -> Any:
            assert timeout > 0
            self.called.append((path, request))
            return response_deserializer(b"")

        return call


def test_every_method_has_an_example() -> None:
    assert list(SECTIONS) == [method.name for method in SERVICE.methods]


@pytest.mark.parametrize("title", SECTIONS)
def test_both_examples_are_the_same_valid_request(
    title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = Channel()
    monkeypatch.setattr(grpc, "insecure_channel", lambda _address: channel)
    scope: dict[str, Any] = {name: getattr(v1, name) for name in v1.__all__}
    exec(BEGINNING + SECTIONS[title]["python"], scope)
    command = shlex.split(SECTIONS[title]["shell"])
    method = SERVICE.methods_by_name[title]
    assert command[-1] == f"{SERVICE.full_name}/{title}"
    given = json.loads(command[command.index("-d") + 1])
    request = json_format.ParseDict(given, GetMessageClass(method.input_type)())
    assert channel.called == [(f"/{SERVICE.full_name}/{title}", request)]
    if "group_jid" in given:
        assert group_rules.group_jid(given["group_jid"])
    if "link" in given:
        assert group_rules.invite_code(given["link"])
    CHECKS.get(title, lambda _: None)(request)


def test_the_readme_leads_there() -> None:
    assert "(docs/GROUPS.md)" in (ROOT / "README.md").read_text()
