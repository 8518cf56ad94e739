"""``botmesh pair``, typed as operators type it, and codes typed into sandbox phones."""

import os
import pty
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from botmesh.sandbox import v1 as sandbox
from botmesh.v1 import RequestPairingCodeRequest
from tests.e2e.mesh.harness import LIMIT_S, Mesh, eventually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

CODE = re.compile(r"[1-9A-Z]{4}-[1-9A-Z]{4}")


@pytest.fixture
def phone() -> str:
    return f"+52155{secrets.randbelow(10**8):08}"


@pytest.fixture
def tenant(mesh: Mesh) -> Iterator[str]:
    """A tenant of this test's own, without an account."""
    tenant_id = f"t-{secrets.token_hex(4)}"
    mesh.run("tenant", "add", tenant_id)
    yield tenant_id
    mesh.run("tenant", "rm", tenant_id, "--yes")


class Typed:
    """A command that runs, and what it has printed so far."""

    def __init__(self, mesh: Mesh, *arguments: str, terminal: bool = False) -> None:
        self._reading, writing = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen(
            # What a shell starts in the background does not hear of Ctrl+C, nor do its children.
            ["env", "--default-signal=INT", sys.executable, "-m", "botmesh", *arguments],
            env=mesh.env | {"TERM": "xterm", "COLUMNS": "100"},
            stdout=writing,
            stderr=writing,
        )
        os.close(writing)
        os.set_blocking(self._reading, False)
        self._printed = b""

    @property
    def printed(self) -> str:
        try:
            while data := os.read(self._reading, 65536):
                self._printed += data
        except OSError:  # nothing more now, or the terminal is gone
            pass
        return self._printed.decode()

    def code(self) -> str:
        """The code that it shows."""
        found = eventually(lambda: CODE.findall(self.printed))
        return str(found[-1])

    def wait(self) -> int:
        status = self.process.wait(LIMIT_S)
        assert "Traceback" not in self.printed
        return status


def test_a_code_that_is_shown_and_typed_in(mesh: Mesh, tenant: str, phone: str) -> None:
    command = Typed(mesh, "pair", tenant, "--phone", phone)
    code = command.code()
    # A backend that asks for the same number gets the same code.
    request = RequestPairingCodeRequest(tenant_id=tenant, phone_number=phone)
    assert mesh.bots.RequestPairingCode(request, timeout=LIMIT_S).code == code
    assert "linked" in mesh.run("sandbox", "enter", phone, code)
    assert command.wait() == 0
    assert command.printed.splitlines()[-1] == f"paired as {phone}"
    eventually(lambda: mesh.is_connected(tenant))
    assert "SESSION_ALREADY_PAIRED" in mesh.run("pair", tenant, "--phone", phone, status=1)


def test_a_wrong_code_links_nothing(mesh: Mesh, tenant: str, phone: str) -> None:
    command = Typed(mesh, "pair", tenant, "--phone", phone)
    code = command.code()
    wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
    said = mesh.run("sandbox", "enter", phone, wrong, status=1)
    assert "not the one that the device shows" in said
    mesh.run("sandbox", "enter", phone, code)
    assert command.wait() == 0


def test_a_botnode_that_dies_is_followed_by_one_with_another_code(
    mesh: Mesh, tenant: str, phone: str
) -> None:
    command = Typed(mesh, "pair", tenant, "--phone", phone)
    first = command.code()
    os.kill(mesh.tenant(tenant).pid, signal.SIGKILL)
    eventually(lambda: command.code() != first)
    mesh.run("sandbox", "enter", phone, command.code())
    assert command.wait() == 0
    assert command.printed.splitlines()[-1] == f"paired as {phone}"


def test_in_a_terminal_the_code_is_big_and_ctrl_c_ends_it(
    mesh: Mesh, tenant: str, phone: str
) -> None:
    command = Typed(mesh, "pair", tenant, "--phone", phone, terminal=True)
    command.code()
    assert "█" in command.printed
    assert "Link with phone number" in command.printed
    command.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    assert command.wait() == 130
    assert time.monotonic() - began < 5


def test_a_passkey_ends_in_a_typed_failure(mesh: Mesh, tenant: str, phone: str) -> None:
    fault = sandbox.Fault(require_passkey=sandbox.RequirePasskey(), phone=phone)
    set_ = mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault)).fault
    try:
        command = Typed(mesh, "pair", tenant, "--phone", phone)
        assert "passkey" in mesh.run("sandbox", "enter", phone, command.code(), status=1)
        assert command.wait() == 1
        assert "(PASSKEY_REQUIRED)" in command.printed
    finally:
        mesh.phones.ClearFaults(sandbox.ClearFaultsRequest(fault_id=set_.fault_id))


def test_what_is_refused_is_one_sentence(mesh: Mesh, tenant: str, phone: str) -> None:
    said = mesh.run("pair", tenant, "--phone", "+12", status=1)
    assert "phone_number: is not a possible phone number (INVALID_REQUEST)" in said
    fault = sandbox.Fault(refuse_phone_code=sandbox.RefusePhoneCode(code=429), phone=phone)
    set_ = mesh.phones.SetFault(sandbox.SetFaultRequest(fault=fault)).fault
    try:
        assert "RATE_LIMITED" in mesh.run("pair", tenant, "--phone", phone, status=3)
    finally:
        mesh.phones.ClearFaults(sandbox.ClearFaultsRequest(fault_id=set_.fault_id))
