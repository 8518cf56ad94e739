"""ACL tokens, TLS and sockets, by Consul's own environment variables."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from consul_agent import ConsulAgent, free_ports
from consul_world import World, eventually
from structlog.testing import LogCapture

from registry.discovery.consul_client import (
    ConsulClient,
    ConsulDeniedError,
    ConsulUnavailableError,
)
from registry.discovery.consul_settings import ConsulSettings
from tests.certificates import make_certificates

MASTER = "11111111-2222-3333-4444-555555555555"
# What the documentation tells operators to give a mesh's machines.
POLICY = """
key_prefix "botmesh/m/" { policy = "write" }
service "botnode"       { policy = "write" }
session_prefix ""       { policy = "write" }
node_prefix ""          { policy = "read" }
agent_prefix ""         { policy = "read" }
"""

Worlds = Callable[[ConsulAgent], World]


@pytest.fixture
def guarded(start_consul: Callable[..., ConsulAgent]) -> ConsulAgent:
    """An agent that denies everything to who has no token."""
    acl = {"enabled": True, "default_policy": "deny", "tokens": {"master": MASTER, "agent": MASTER}}
    agent = start_consul(config={"acl": acl})
    agent.token = MASTER
    return agent


async def make_token(agent: ConsulAgent, rules: str) -> str:
    """A token that allows what a policy says."""

    def made() -> str | None:
        try:
            policies = agent.call("GET", "/v1/acl/policies")
            if "botmesh" not in [policy["Name"] for policy in policies]:
                agent.call("PUT", "/v1/acl/policy", {"Name": "botmesh", "Rules": rules})
            token = agent.call("PUT", "/v1/acl/token", {"Policies": [{"Name": "botmesh"}]})
        except AssertionError:  # the servers are still setting their ACLs up
            return None
        return str(token["SecretID"])

    token = await eventually(made)
    # The token counts on the agent once the node itself is registered.
    await eventually(lambda: agent.call("GET", f"/v1/health/node/{agent.node}"))
    return str(token)


async def test_a_token_with_the_documented_policy_does(
    guarded: ConsulAgent, world_around: Worlds, tmp_path: Path, logged: LogCapture
) -> None:
    token = await make_token(guarded, POLICY)
    world = world_around(guarded)
    by_variable = world.client(token=token)
    token_file = tmp_path / "token"
    token_file.write_text(f"{token}\n")
    by_file = world.client(token_file=token_file)
    first = await (await world.member("one", client=by_variable)).join()
    second = await (await world.member("two", client=by_file)).join()
    index, keys = await by_file.keys("botmesh/m/routes/")
    assert index
    assert {key.path.split("/")[3] for key in keys if key.session} == {"one", "two"}
    await eventually(lambda: len(guarded.entries()) == 2)
    await first.leave()
    await second.leave()
    await eventually(lambda: guarded.entries() == [])
    assert guarded.keys() == {}
    assert [entry for entry in logged.entries if entry["log_level"] != "info"] == []


async def test_without_a_token_it_is_said_and_nothing_told(
    guarded: ConsulAgent, world_around: Worlds, logged: LogCapture
) -> None:
    await make_token(guarded, POLICY)
    wrong = "99999999-8888-7777-6666-555555555555"
    world = world_around(guarded)
    client = world.client(token=wrong)
    member = await world.member(client=client)
    waiting = asyncio.create_task(member.lease.acquire())
    await eventually(lambda: [e for e in logged.entries if e["event"] == "consul_denies"])
    assert not member.lease.is_held()
    with pytest.raises(ConsulUnavailableError) as denied:
        await client.create_session("x", (), 1)
    assert wrong not in str(denied.value) + repr(denied.value) + str(denied.value.__context__)
    assert wrong not in str(logged.entries)
    assert wrong not in repr(client) + repr(ConsulSettings(token=wrong))
    waiting.cancel()


async def test_a_token_that_comes_too_late_is_not_needed_twice(
    guarded: ConsulAgent, world_around: Worlds
) -> None:
    """A policy that is mended is seen by who waits."""
    token = await make_token(guarded, 'node_prefix "" { policy = "read" }')
    world = world_around(guarded)
    client = world.client(token=token)
    with pytest.raises(ConsulDeniedError):
        await client.acquire("botmesh/m/leases/shop", b"", "11111111-2222-3333-4444-555555555555")
    member = await world.member(client=client)
    waiting = asyncio.create_task(member.lease.acquire())
    (policy,) = [p for p in guarded.call("GET", "/v1/acl/policies") if p["Name"] == "botmesh"]
    mended = {"Name": "botmesh", "Rules": POLICY}
    guarded.call("PUT", f"/v1/acl/policy/{policy['ID']}", mended)
    async with asyncio.timeout(20):
        await waiting
    assert member.lease.is_held()


async def test_tls_with_a_ca_and_a_client_certificate(
    start_consul: Callable[..., ConsulAgent], world_around: Worlds, tmp_path: Path
) -> None:
    files = make_certificates(tmp_path)
    (port,) = free_ports(1)
    agent = start_consul(
        config={
            "ports": {"https": port},
            "ca_file": str(files["ca"]),
            "cert_file": str(files["server"]),
            "key_file": str(files["server_key"]),
            "verify_incoming_https": True,
        }
    )
    world = world_around(agent)
    ours = {"ca_file": files["ca"], "client_cert": files["us"], "client_key": files["us_key"]}
    client = world.client(address=f"https://127.0.0.1:{port}", **ours)
    member = await (await world.member(client=client)).join()
    assert world.agent.keys()["botmesh/m/leases/shop"]
    await member.leave()
    # CONSUL_HTTP_SSL decides where the address does not say; a name other than the address's.
    named = {
        **ours,
        "address": f"127.0.0.1:{port}",
        "ssl": True,
        "server_name": "server.dc1.consul",
    }
    assert await world.client(**named).leader()
    refused: list[dict[str, Any]] = [
        {**ours, "server_name": "another.name"},
        {**ours, "ca_file": None},
        {"ca_file": files["ca"]},
    ]
    for settings in refused:
        with pytest.raises(ConsulUnavailableError):
            await world.client(address=f"https://127.0.0.1:{port}", **settings).leader()
    unchecked = {**ours, "ca_file": None, "verify": False}
    assert await world.client(address=f"https://127.0.0.1:{port}", **unchecked).leader()


async def test_a_unix_socket(
    start_consul: Callable[..., ConsulAgent], world_around: Worlds, tmp_path: Path
) -> None:
    socket = Path("/tmp") / f"consul-{tmp_path.name[-20:]}-{free_ports(1)[0]}.sock"
    agent = start_consul(config={"addresses": {"http": f"127.0.0.1 unix://{socket}"}})
    try:
        client = world_around(agent).client(address=f"unix://{socket}")
        assert await client.leader()
        assert client.url == f"unix://{socket}"
    finally:
        socket.unlink(missing_ok=True)


async def test_something_else_than_consul_at_the_address() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = ConsulClient(ConsulSettings(address=f"127.0.0.1:{port}"))
    for call in (
        client.key("a"),
        client.keys("a"),
        client.leader(),
        client.create_session("", (), 1),
    ):
        with pytest.raises(ConsulUnavailableError):
            await call
    await client.close()
    server.close()
    await server.wait_closed()
