"""What discovery in Consul costs: the shape of the gateway's watch, and the checks of botnodes.

    python -m benchmarks.consul_watch [TENANTS]

On a real agent with 1,000 tenants registered as botnodes register: what one answer of each shape
costs, then the watch itself (start, how late a change is, processor time at several rates of
change), then the checks. Shares of a processor are of one core, as ratios to an agent at rest.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Any, cast

from benchmarks.processes import cpu_s
from registry.discovery.consul import ConsulDiscovery
from registry.discovery.consul_names import EntryNames, encode_route
from registry.discovery.consul_service import HOSTED, EntryTiming
from registry.discovery.consul_settings import ConsulSettings
from registry.discovery.port import ALIVE_SERVICE, Route, RouteChange, Snapshot
from tests.consul_agent import ConsulAgent

MESH = "bench"
NEVER = "87600h"
SHAPES = {
    "keys by prefix (the watch)": f"/v1/kv/botmesh/{MESH}/routes/?recurse",
    "catalog by service": "/v1/catalog/service/botnode",
    "checks by service": "/v1/health/checks/botnode",
    "health by service": "/v1/health/service/botnode",
    "critical checks (+ one more)": "/v1/health/state/critical",
}
CHECKED = 100


def share(pid: int, seconds: float) -> Callable[[], float]:
    """Per cent of a core that a process took since now, when it is called `seconds` later."""
    before = cpu_s(pid)
    return lambda: (cpu_s(pid) - before) / seconds * 100


def get(agent: ConsulAgent, path: str) -> bytes:
    with urllib.request.urlopen(f"http://{agent.address}{path}") as answer:
        return bytes(answer.read())


def tenant(number: int) -> EntryNames:
    return EntryNames(MESH, f"tenant-{number:04d}", f"{number:08x}")


def route(names: EntryNames, port: int) -> bytes:
    return encode_route(Route(names.tenant_id, f"127.0.0.1:{port}", names.instance, 1))


def register(agent: ConsulAgent, number: int, *, on_the_node: bool = False) -> str:
    """One botnode as it stands in Consul; its session. Its checks are never due."""
    names = tenant(number)
    alive = {"GRPC": f"127.0.0.1:1/{ALIVE_SERVICE}", "Interval": NEVER, "Status": "passing"}
    alive |= {"Name": f"{names.tenant_id}: process", "Timeout": "1s"}
    whatsapp = {"CheckID": names.whatsapp_check, "Name": "w", "TTL": NEVER, "Status": "passing"}
    checks = [whatsapp]
    if on_the_node:
        agent.call("PUT", "/v1/agent/check/register", {**alive, "ID": names.lease_check})
    else:
        checks.append({**alive, "CheckID": names.lease_check})
    meta = {"mesh": MESH, "tenant_id": names.tenant_id, "tenant_name": f"Shop {number}"}
    meta |= {"instance": names.instance, "epoch": "1", "version": "0.1.0", "state": "CONNECTED"}
    service = {"Name": "botnode", "ID": names.service_id, "Address": "127.0.0.1", "Port": 3001}
    service |= {"Tags": [names.tenant_id, "CONNECTED"], "Meta": meta, "Checks": checks}
    agent.call("PUT", "/v1/agent/service/register", service)
    session = {"Name": names.service_id, "Checks": ["serfHealth", names.lease_check]}
    while True:
        try:
            made = agent.call("PUT", "/v1/session/create", {**session, "LockDelay": "1s"})
            break
        except AssertionError:  # the servers do not know the check yet
            time.sleep(0.01)
    put(agent, names, made["ID"], 3001)
    return str(made["ID"])


def put(agent: ConsulAgent, names: EntryNames, session: str, port: int) -> None:
    value = json.loads(route(names, port))
    agent.call("PUT", f"/v1/kv/{names.route_key}?acquire={session}", value)


@contextmanager
def running(folder: Path, name: str) -> Iterator[ConsulAgent]:
    agent = ConsulAgent(folder / name).start()
    try:
        yield agent
    finally:
        agent.kill()


def fill(agent: ConsulAgent, count: int, *, on_the_node: bool = False) -> list[str]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda n: register(agent, n, on_the_node=on_the_node), range(count)))


def compare_shapes(agent: ConsulAgent, count: int) -> None:
    print(f"\nOne answer with {count} tenants          ms      KB   parse ms   ratio")
    reference = 0.0
    for name, path in SHAPES.items():
        times = []
        for _ in range(5):
            start = time.perf_counter()
            body = get(agent, path)
            times.append((time.perf_counter() - start) * 1000)
        start = time.perf_counter()
        json.loads(body)
        parse = (time.perf_counter() - start) * 1000
        took = statistics.median(times) + parse
        reference = reference or took
        print(
            f"  {name:32}{statistics.median(times):8.1f}{len(body) / 1024:8.0f}"
            f"{parse:10.1f}{took / reference:8.1f}"
        )


def compare_check_places(folder: Path) -> None:
    print("\nHealth by service (what Consul's UI asks), lease checks at the service or at the node")
    print("  tenants          service KB        node KB      ratio")
    for count in (50, 100, 200):
        sizes = []
        for on_the_node in (False, True):
            with running(folder, f"place-{count}-{on_the_node}") as agent:
                fill(agent, count, on_the_node=on_the_node)
                time.sleep(1)
                sizes.append(len(get(agent, SHAPES["health by service"])) / 1024)
        print(f"  {count:7}{sizes[0]:20.0f}{sizes[1]:15.0f}{sizes[1] / sizes[0]:11.1f}")


def measure_watch(agent: ConsulAgent, sessions: list[str]) -> None:
    count = len(sessions)
    with ExitStack() as stack:
        started = time.monotonic()
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.consul_watch", "--watch", agent.address],
            stdout=subprocess.PIPE,
            text=True,
        )
        stack.callback(child.wait)
        stack.callback(child.kill)
        assert child.stdout is not None
        first = json.loads(child.stdout.readline())
        assert first["routes"] == count, first
        print(f"\nThe watch with {count} tenants")
        print(f"  process start to first picture {first['at'] - started:5.2f} s", end="")
        print(f", of it the picture {first['took']:.3f} s")
        print("  changes a second    gateway %   Consul %   late by ms: p50    p99")
        for rate in (0, 1, 10, 50):
            seconds = 8.0
            shares = [share(child.pid, seconds), share(agent.pid, seconds)]
            lags = drive(agent, sessions, child.stdout, rate, seconds)
            late = f"{lags[0]:17.1f}{lags[1]:7.1f}" if lags else ""
            print(f"  {rate:16}{shares[0]():13.1f}{shares[1]():11.1f}{late}")


def drive(
    agent: ConsulAgent, sessions: list[str], told: Any, rate: int, seconds: float
) -> tuple[float, float] | None:
    """Change routes at a rate; how late the watch told of them, in ms: p50 and p99."""
    known: dict[str, float] = {}
    start = time.monotonic()
    for step in range(int(rate * seconds)):
        time.sleep(max(0.0, start + step / rate - time.monotonic()))
        number = step % len(sessions)
        port = 10_000 + (step + rate * 1000) % 50_000
        put(agent, tenant(number), sessions[number], port)
        known[f"127.0.0.1:{port}"] = time.monotonic()
    time.sleep(max(0.0, start + seconds - time.monotonic()))
    lags: list[float] = []
    while len(lags) < len(known):
        change = json.loads(told.readline())
        if change.get("address") in known:
            lags.append(max(0.0, change["at"] - known[change["address"]]) * 1000)
    if not lags:
        return None
    lags.sort()
    return lags[len(lags) // 2], lags[min(len(lags) - 1, int(len(lags) * 0.99))]


async def watch(address: str) -> None:
    """The gateway's watch in a process of its own; tells on stdout what it hears, and when."""
    consul = ConsulDiscovery(ConsulSettings.load(address=address), MESH)
    start = time.monotonic()
    changes = cast("AsyncGenerator[Snapshot | RouteChange, None]", consul.routes().watch())
    async with aclosing(changes):
        async for change in changes:
            now = time.monotonic()
            said: dict[str, object]
            if isinstance(change, Snapshot):
                said = {"at": now, "routes": len(change.routes), "took": now - start}
            else:
                said = {"at": now, "address": change.routes[0].address if change.routes else ""}
            print(json.dumps(said), flush=True)


def measure_checks(folder: Path) -> None:
    with running(folder, "checks") as agent:
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.consul_watch", "--serve"], stdout=subprocess.PIPE
        )
        try:
            assert child.stdout is not None
            port = int(child.stdout.readline())
            rest = share(agent.pid, 5.0)
            time.sleep(5)
            print(
                f"\nChecks of {CHECKED} botnodes      Consul %   botnodes %   (Consul at rest ",
                end="",
            )
            print(f"{rest():.1f} %)")
            for interval_s in (EntryTiming().check_interval_s, HOSTED.check_interval_s):
                for number in range(CHECKED):
                    check = {
                        "ID": f"c{number}",
                        "Name": "process",
                        "GRPC": f"127.0.0.1:{port}/{ALIVE_SERVICE}",
                        "Interval": f"{interval_s}s",
                        "Timeout": "1s",
                        "Status": "passing",
                    }
                    agent.call("PUT", "/v1/agent/check/register", check)
                time.sleep(2)
                shares = [share(agent.pid, 12.0), share(child.pid, 12.0)]
                time.sleep(12)
                print(f"  every {interval_s:.0f} s{shares[0]():25.1f}{shares[1]():13.1f}")
        finally:
            child.kill()
            child.wait()


async def serve() -> None:
    """One server that answers the checks of all botnodes; tells its port on stdout."""
    from grpc_health.v1 import health_pb2  # noqa: PLC0415 - of this process alone

    from botmesh.rpc import server as serving  # noqa: PLC0415 - of this process alone

    server = serving.create_server([])
    health = await serving.add_health_and_reflection(server, [])
    port = serving.bind(server, "127.0.0.1", 0)
    await server.start()
    await health.servicer.set(ALIVE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
    print(port, flush=True)
    await server.wait_for_termination()


def main() -> None:
    if sys.argv[1:2] == ["--watch"]:
        asyncio.run(watch(sys.argv[2]))
        return
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve())
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running(folder, "watch") as agent:
            start = time.monotonic()
            sessions = fill(agent, count)
            print(f"{count} tenants registered in {time.monotonic() - start:.1f} s")
            compare_shapes(agent, count)
            measure_watch(agent, sessions)
        compare_check_places(folder)
        measure_checks(folder)


if __name__ == "__main__":
    main()
