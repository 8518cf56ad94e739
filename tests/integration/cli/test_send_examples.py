"""The commands in docs/CONTENTS.md send what a botnode takes."""

import itertools
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from fake_gateway import serving
from typer.testing import CliRunner

from botmesh.cli.main import app
from botmesh.cli.send_media import KINDS
from botmesh.v1 import (
    BotServiceServicer,
    SendMessageRequest,
    SendMessageResponse,
    TenantServiceServicer,
)
from botnode.content_rules import checked
from botnode.recipient import canonical_jid

DOC = Path(__file__).resolve().parents[3] / "docs" / "CONTENTS.md"
(BLOCK,) = re.findall(r"^```sh commands\n(.*?)^```", DOC.read_text(), re.MULTILINE | re.DOTALL)
COMMANDS = BLOCK.splitlines()


class Bots(BotServiceServicer):
    def __init__(self) -> None:
        self.asked: list[SendMessageRequest] = []

    def SendMessage(self, request: SendMessageRequest, context: Any) -> SendMessageResponse:
        self.asked.append(request)
        return SendMessageResponse()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, *arguments = shlex.split(command)
    monkeypatch.chdir(tmp_path)
    for option, value in itertools.pairwise(arguments):
        if option.removeprefix("--") in KINDS:
            (tmp_path / value).write_bytes(b"a file")
    bots = Bots()
    with serving(bots, TenantServiceServicer()) as address:
        result = CliRunner().invoke(app, ["--gateway", address, *arguments])
    assert (program, result.exit_code) == ("botmesh", 0), result.output
    (request,) = bots.asked
    checked(request.content, canonical_jid(request.to))


def test_every_option_of_a_content_has_an_example() -> None:
    listed = CliRunner().invoke(app, ["send", "--help"]).output
    options = set(re.findall(r"^  (--[a-z-]+)", listed, re.MULTILINE))
    of_sending = {"--queue", "--expires-in", "--allow-duplicate", "--request-id", "--help"}
    assert options - of_sending <= set(shlex.split(BLOCK))
