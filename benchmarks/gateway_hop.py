"""What the gateway's hop costs: unary calls through it and past it, in turns.

A botnode that answers at once, a real `python -m gateway` with a registry of one tenant, and this
process as the caller. Prints the median and the 99th percentile both ways, their ratio, the rate,
and the gateway's CPU time per call.

    .venv/bin/python benchmarks/gateway_hop.py [--calls 2000] [--rounds 5]
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc.aio

from botmesh.v1 import bot_pb2, bot_pb2_grpc, session_pb2, tenant_pb2, tenant_pb2_grpc

TENANT = "bench"
ROOT = Path(__file__).parent.parent


class Botnode(bot_pb2_grpc.BotServiceServicer):
    """Answers at once."""

    async def GetSession(
        self,
        request: bot_pb2.GetSessionRequest,
        context: object,  # noqa: ARG002 - gRPC's signature
    ) -> bot_pb2.GetSessionResponse:
        session = session_pb2.Session(
            tenant_id=request.tenant_id,
            state=session_pb2.SESSION_STATE_CONNECTED,
            jid="5215512345678:3@s.whatsapp.net",
            phone_number="+5215512345678",
        )
        return bot_pb2.GetSessionResponse(session=session)


async def serve_botnode() -> None:
    """Serve as the far side; the port goes to stdout."""
    server = grpc.aio.server()
    bot_pb2_grpc.add_BotServiceServicer_to_server(Botnode(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A child process for the length of the block."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


async def measure(stub: bot_pb2_grpc.BotServiceStub, callers: int, calls: int) -> list[float]:
    """Latencies in seconds of so many calls by so many callers at the same time."""
    request = bot_pb2.GetSessionRequest(tenant_id=TENANT)
    latencies: list[float] = []

    async def caller() -> None:
        for _ in range(calls // callers):
            started = time.perf_counter()
            await stub.GetSession(request, timeout=30)
            latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return latencies


async def compare(direct: str, gateway: str, pid: int, calls: int, rounds: int) -> None:
    """Print one line for each number of callers."""
    near = bot_pb2_grpc.BotServiceStub(grpc.aio.insecure_channel(direct))
    far = bot_pb2_grpc.BotServiceStub(grpc.aio.insecure_channel(gateway))
    print("callers  direct p50/p99 us  gateway p50/p99 us  p50 ratio  calls/s  CPU us/call")
    for callers in (1, 8, 64):
        times: dict[str, list[float]] = {"direct": [], "gateway": []}
        spent, cpu = 0.0, 0.0
        for stub in (near, far):
            await measure(stub, callers, max(calls // 4, callers))
        for _ in range(rounds):
            times["direct"] += await measure(near, callers, calls)
            before, started = cpu_seconds(pid), time.perf_counter()
            times["gateway"] += await measure(far, callers, calls)
            cpu += cpu_seconds(pid) - before
            spent += time.perf_counter() - started
        (p50, p99), (p50_hop, p99_hop) = (_quantiles(times[way]) for way in ("direct", "gateway"))
        count = len(times["gateway"])
        print(
            f"{callers:7}  {p50:8.0f} {p99:8.0f}   {p50_hop:8.0f} {p99_hop:8.0f}"
            f"  {p50_hop / p50:9.2f}  {count / spent:7.0f}  {cpu / count * 1e6:11.0f}"
        )


def _quantiles(latencies: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile in microseconds."""
    cuts = statistics.quantiles(latencies, n=100)
    return cuts[49] * 1e6, cuts[98] * 1e6


async def main(calls: int, rounds: int) -> None:
    """Start the processes and compare."""
    with tempfile.TemporaryDirectory() as folder, running(__file__, "--botnode") as botnode:
        assert botnode.stdout is not None
        port = int(botnode.stdout.readline())
        address = "127.0.0.1:50997"
        environment = {"BOTMESH_DATA_DIR": folder, "BOTMESH_GATEWAY_PORT": "50997"}
        with running("-m", "gateway", **environment) as gateway:
            async with grpc.aio.insecure_channel(address) as channel:
                await tenant_pb2_grpc.TenantServiceStub(channel).CreateTenant(
                    tenant_pb2.CreateTenantRequest(tenant_id=TENANT, bot_port=port),
                    wait_for_ready=True,
                )
            await compare(f"127.0.0.1:{port}", address, gateway.pid, calls, rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=2000, help="calls per round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each, in turns")
    parser.add_argument("--botnode", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    asyncio.run(serve_botnode() if arguments.botnode else main(arguments.calls, arguments.rounds))
