"""Consul's own UI says which tenants are off WhatsApp, since when, why, and on which machine.

The picture of it in docs/ is taken here: with BOTMESH_WRITE_DOCS=1 it is written anew.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from consul_agent import ROOT, ConsulAgent
from grpc_health.v1 import health_pb2

from botmesh.rpc.server import add_health_and_reflection, bind, create_server
from registry.discovery.consul import Botnode, ConsulDiscovery, ConsulSettings
from registry.discovery.port import ALIVE_SERVICE, Announcement

PICTURE = ROOT / "docs" / "consul-ui.png"
SCREENSHOT = Path(__file__).with_name("screenshot.js")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# Tenant, name, machine, state, number, error.
TENANTS = [
    ("apple-store-norte", "Apple Store Norte", 1, "CONNECTED", "+5215512345678", ""),
    ("cafe-sur", "Café Sur", 2, "LOGGED_OUT", None, "the device was removed on the phone"),
    ("flores", "Flores", 1, "RECONNECTING", "+5215512345680", "the line was lost"),
    ("libros", "Libros", 2, "UNPAIRED", None, ""),
    ("mundo-apple", "Mundo Apple", 1, "CONNECTED", "+5215512345682", ""),
    ("zapatos", "Zapatos", 2, "BANNED", "+5215512345683", "too many new chats"),
]


def needed(what: str, found: str | None) -> str:
    """A program; without it the test is skipped, or fails where CI is set."""
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{what} is not installed")
        pytest.skip(f"{what} is not installed")
    return found


@pytest.fixture(scope="module")
def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    return needed("Chromium", os.environ.get("CHROMIUM_BIN") or found)


@pytest.fixture(scope="module")
def playwright(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library that drives the browser."""
    npm = needed("npm", shutil.which("npm"))
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--silent", "--no-fund", "--no-audit", "playwright-core@1"]
    subprocess.run(command, cwd=folder, check=True, timeout=100)
    return folder / "node_modules"


def look(browser: str, playwright: Path, *pages: str) -> list[str]:
    """What pages of the UI say."""
    done = subprocess.run(
        ["node", str(SCREENSHOT), browser, *pages],
        env={**os.environ, "NODE_PATH": str(playwright)},
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    texts: list[str] = json.loads(done.stdout)
    return texts


@pytest.fixture
async def machines(
    start_consul: Callable[..., ConsulAgent],
) -> AsyncIterator[list[ConsulAgent]]:
    """Two machines with the tenants' botnodes on them."""
    first = start_consul(node="server-mx-1")
    second = start_consul(node="server-mx-2", joins=f"127.0.0.1:{first.ports['serf_lan']}")
    agents = [first, second]
    async with AsyncExitStack() as stack:
        server = create_server([])
        health = await add_health_and_reflection(server, [])
        address = f"127.0.0.1:{bind(server, '127.0.0.1', 0)}"
        await server.start()
        stack.push_async_callback(server.stop, 0)
        await health.servicer.set(ALIVE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
        for number, (tenant_id, name, machine, state, phone, error) in enumerate(TENANTS):
            agent = agents[machine - 1]
            consul = ConsulDiscovery(ConsulSettings(address=agent.address), "default")
            stack.push_async_callback(consul.close)
            node = Botnode(
                "default", tenant_id, name, f"x7k2p9a{number}", address, "0.1.0", agent.node
            )
            lease, registration = consul.own(node, hosted=True)
            stack.push_async_callback(lease.release)
            async with asyncio.timeout(20):
                await lease.acquire()
            await registration.register(
                Announcement(
                    tenant_id, name, address, node.instance, 1, node.version, "CONNECTING", phone
                )
            )
            await registration.update(state=state, number=phone, error=error)
        yield agents


@pytest.mark.e2e
async def test_the_ui_answers_what_an_operator_asks(
    machines: list[ConsulAgent], tmp_path: Path, browser: str, playwright: Path
) -> None:
    base = f"http://{machines[0].address}/ui/dc1"
    picture = tmp_path / PICTURE.name
    # On a thread: the botnodes have to answer meanwhile.
    listed, machine_page = await asyncio.to_thread(
        look,
        browser,
        playwright,
        *(f"{base}/services/botnode/instances", "botnode-default-zapatos", str(picture)),
        *(f"{base}/nodes/server-mx-2/health-checks", "zapatos: WhatsApp", "-"),
    )
    found = re.findall(
        r"botnode-default-([a-z-]+)-x7k2p9a\d(.*?)(?=botnode-|\Z)", listed, re.DOTALL
    )
    rows = dict(found)
    for tenant_id, _, machine, state, _, error in TENANTS:
        row = rows[tenant_id]
        assert f"server-mx-{machine}" in row
        assert state.replace("_", "-") in row
        if state == "CONNECTED":
            assert "All service checks passing" in row
            continue
        assert "1/2 service checks with warning" in row
        assert re.search(r"since-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", row)
        if machine == 2:
            assert re.search(rf"{state} since .* UTC.*{error}", machine_page)
    assert picture.stat().st_size > 10_000
    if os.environ.get("BOTMESH_WRITE_DOCS"):
        PICTURE.parent.mkdir(exist_ok=True)
        shutil.copy(picture, PICTURE)
