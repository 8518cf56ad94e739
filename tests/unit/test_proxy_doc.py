"""docs/PROXY.md: its examples are right, and say the same."""

import json
import re
import shlex
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from google.protobuf import json_format

from botmesh.rpc.proxy_url import MAX_LENGTH, MAX_LOGIN_BYTES, SCHEMES, check_proxy_url
from botmesh.v1 import CreateTenantRequest, GetTenantRequest, UpdateTenantRequest
from botnode import whatsapp_proxy

DOC = (Path(__file__).resolve().parents[2] / "docs" / "PROXY.md").read_text()
REQUESTS = {
    "CreateTenant": CreateTenantRequest,
    "UpdateTenant": UpdateTenantRequest,
    "GetTenant": GetTenantRequest,
}


def test_both_examples_ask_for_the_same() -> None:
    (python,) = re.findall(r"^```python\n(.*?)^```", DOC, re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {"tenants": MagicMock()}
    exec(python, scope)
    commands = [
        shlex.split(line.removeprefix("$ "))
        for line in DOC.replace("\\\n", "").splitlines()
        if line.startswith("$ grpcurl")
    ]
    methods = [command[-1].removeprefix("botmesh.v1.TenantService/") for command in commands]
    assert methods == list(REQUESTS)
    for command, method in zip(commands, methods, strict=True):
        request = REQUESTS[method]()
        json_format.ParseDict(json.loads(command[command.index("-d") + 1]), request)
        getattr(scope["tenants"], method).assert_called_once_with(request)


def test_the_addresses_are_some_and_the_rules_those_of_the_code() -> None:
    addresses = re.findall(r"\w+://[\w.:@]+\d", DOC)
    assert {check_proxy_url(url) for url in addresses} == set(addresses)
    assert all(f"`{scheme}://`" in DOC for scheme in SCHEMES)
    words = DOC.replace("\n", " ")
    assert f"at most {MAX_LENGTH} characters" in words
    assert f"up to {MAX_LOGIN_BYTES} bytes each" in words
    for error in ("proxyconnect tcp: ", "Proxy Authentication Required"):
        assert f'"{whatsapp_proxy.explained(error).partition(": ")[0]}: ..."' in words
