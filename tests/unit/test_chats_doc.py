"""The examples in docs/CHATS.md are right, and there is one for every method."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from typer.main import get_command

from botmesh import v1
from botmesh.cli.main import app
from botmesh.v1 import chat_pb2, contact_pb2

DOC = Path(__file__).resolve().parents[2] / "docs" / "CHATS.md"
_SECTION = re.compile(
    r"^## (?P<title>\w+)\n.*?^```python\n(?P<python>.*?)^```\n\n^```sh\n(?P<shell>.*?)^```"
    r"\n\n^```sh\n(?P<command>.*?)^```",
    re.MULTILINE | re.DOTALL,
)
SECTIONS = {found["title"]: found for found in _SECTION.finditer(DOC.read_text())}
SERVICES = (
    chat_pb2.DESCRIPTOR.services_by_name["ChatService"],
    contact_pb2.DESCRIPTOR.services_by_name["ContactService"],
)
METHODS = {method.name: method for service in SERVICES for method in service.methods}


class Recorder:
    """A stub that notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def __getattr__(self, method: str) -> Any:
        return lambda request, timeout: self.calls.append((method, request))


def test_every_method_has_an_example() -> None:
    assert list(SECTIONS) == list(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_both_examples_are_the_same_request(method: str) -> None:
    chats, contacts = Recorder(), Recorder()
    scope: dict[str, Any] = {name: getattr(v1, name) for name in v1.__all__}
    exec(SECTIONS[method]["python"], scope | {"chats": chats, "contacts": contacts})
    described = METHODS[method]
    of_chats = described.containing_service.name == "ChatService"
    ((called, request),) = (chats if of_chats else contacts).calls
    assert called == method
    command = shlex.split(SECTIONS[method]["shell"])
    assert command[-1] == f"{described.containing_service.full_name}/{method}"
    given = json.loads(command[command.index("-d") + 1])
    assert json_format.ParseDict(given, type(request)()) == request


@pytest.mark.parametrize("method", METHODS)
def test_the_command_can_be_typed(method: str) -> None:
    program, group, name, *arguments = shlex.split(SECTIONS[method]["command"])
    assert program == "botmesh"
    commands: Any = get_command(app)
    command = commands.get_command(None, group).commands[name]
    with command.make_context(name, arguments) as context:
        assert context.params["tenant_id"] == "mundo-apple"
