"""The examples in docs/MEDIA.md are right, and there are two for every method."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.message_factory import GetMessageClass

from botmesh.v1 import media_pb2

DOC = Path(__file__).resolve().parents[2] / "docs" / "MEDIA.md"
TEXT = DOC.read_text()
SERVICE = media_pb2.DESCRIPTOR.services_by_name["MediaService"]


def _values(text: str) -> list[Any]:
    """The JSON values that stand one after the other."""
    found, decoder = [], json.JSONDecoder()
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


@pytest.mark.parametrize("method", [method.name for method in SERVICE.methods])
def test_the_shell_example_is_a_request_of_the_method(method: str) -> None:
    section = TEXT.partition(f"## {method}\n")[2].partition("\n## ")[0]
    assert "```python\n" in section
    (example,) = re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    command = shlex.split(example)
    assert command[-1] == f"{SERVICE.full_name}/{method}"
    kind = GetMessageClass(SERVICE.methods_by_name[method].input_type)
    for value in _values(command[command.index("-d") + 1]):
        json_format.ParseDict(value, kind())


def test_the_python_examples_are_python() -> None:
    examples = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    compile("\n".join(examples), str(DOC), "exec")
