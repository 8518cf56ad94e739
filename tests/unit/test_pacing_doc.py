"""docs/PACING.md says what the code does, and its examples are right."""

import json
import re
import shlex
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from google.protobuf import json_format

from botmesh.rpc.settings import variables_of
from botmesh.v1 import GetSessionRequest, UpdateTenantRequest
from botnode.pacing import BURST, KEPT_PART, MOST_GROWTH, MOST_IN_A_ROW
from botnode.settings import BotnodeSettings

DOC = (Path(__file__).resolve().parents[2] / "docs" / "PACING.md").read_text()


def test_both_examples_set_the_same_pace() -> None:
    (python,) = re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {"tenants": MagicMock(), "bots": MagicMock()}
    exec(python, scope)
    wanted = {
        "botmesh.v1.TenantService/UpdateTenant": scope["tenants"].UpdateTenant,
        "botmesh.v1.BotService/GetSession": scope["bots"].GetSession,
    }
    requests = {"UpdateTenant": UpdateTenantRequest, "GetSession": GetSessionRequest}
    commands = [
        shlex.split(line.removeprefix("$ "))
        for line in DOC.replace("\\\n", "").splitlines()
        if line.startswith("$ grpcurl")
    ]
    assert [command[-1] for command in commands] == list(wanted)
    for command in commands:
        request = requests[command[-1].rpartition("/")[2]]()
        json_format.ParseDict(json.loads(command[command.index("-d") + 1]), request)
        wanted[command[-1]].assert_called_once_with(request)


def test_the_values_are_those_of_the_code() -> None:
    usual = {name: field.default for name, field in variables_of(BotnodeSettings).items()}
    assert f"| `messages_per_minute` | {usual['pacing_messages_per_minute']} |" in DOC
    assert f"| `new_chats_per_day` | {usual['pacing_new_chats_per_day']} |" in DOC
    pauses = usual["pacing_least_pause_s"], usual["pacing_most_pause_s"]
    assert "| {} s, {} s |".format(*pauses) in DOC
    assert f"the first {BURST} messages of a minute" in DOC
    assert (KEPT_PART, MOST_IN_A_ROW) == (5, 4)
    assert DOC.count("at most four fifths") == 2
    assert "after four NOW messages in a row" in DOC
    assert f"{usual['pacing_rate_limit_pause_s']} seconds" in DOC
    hours = usual["pacing_reach_out_pause_s"] // 3600
    assert [hours << n for n in range(4)] == [6, 12, 24, 48]
    assert sorted(MOST_GROWTH.values()) == [8, 15]
