"""A botnode without WhatsApp, started as a program or forked (by `fake_forkserver`).

It answers health checks, tells its host what a botnode tells, and misbehaves as the file
DATA_DIR/fake/<tenant>.json says.

Keys: "exit" (at the start, with that status), "error" (logged before it), "exit_when_ready",
"once" (the keys before count for the first process only), "ignore_term", "session" (a list of
[state, number] told when ready), "slow_s" (before it answers), "helper" (starts a process).
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import grpc.aio

from botmesh.rpc import lifecycle, metadata
from botmesh.rpc.server import add_health_and_reflection, bind, create_server
from botmesh.v1 import bot_pb2, bot_pb2_grpc
from botnode.lease import FolderLease

DATA_DIR = Path(os.environ["BOTMESH_DATA_DIR"])
FAKE = DATA_DIR / "fake"


def fake_file(kind: str) -> Path:
    return FAKE / f"{os.environ['TENANT_ID']}.{kind}"


class Servicer(bot_pb2_grpc.BotServiceServicer):
    async def LogOut(
        self, request: bot_pb2.LogOutRequest, context: grpc.aio.ServicerContext
    ) -> bot_pb2.LogOutResponse:
        keys = dict(context.invocation_metadata())
        secret = keys.get(metadata.SECRET)
        fake_file("logged_out").write_text(f"{request.tenant_id} {secret}")
        return bot_pb2.LogOutResponse()


def say(**event: object) -> None:
    os.write(int(os.environ["BOTMESH_STATUS_FD"]), json.dumps(event).encode() + b"\n")


def behaviour() -> dict:
    path = fake_file("json")
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    if found.get("once"):
        path.unlink()
    return found


def free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def start_helper() -> None:
    helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    fake_file("helper").write_text(str(helper.pid))


def open_files() -> dict[int, str]:
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists them
            found[int(path.name)] = str(path.readlink())
    return found


async def main(stop: lifecycle.StopSignal) -> None:
    lifecycle.watch_liveness(int(os.environ["BOTMESH_LIVENESS_FD"]), stop)
    how = behaviour()
    if how.get("ignore_term"):
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "exit" in how:
        print(json.dumps({"event": "start_failed", "error": how.get("error", "")}), flush=True)
        os._exit(how["exit"])
    tenant = os.environ["TENANT_ID"]
    folder = DATA_DIR / "tenants" / tenant
    folder.mkdir(parents=True, exist_ok=True)
    lease = FolderLease(folder)
    await lease.acquire()
    fds = open_files()
    seen = {"env": dict(os.environ), "fds": fds, "sid": os.getsid(0), "pid": os.getpid()}
    fake_file("seen").write_text(json.dumps(seen))
    with fake_file("pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    if how.get("helper"):
        start_helper()
    await asyncio.sleep(how.get("slow_s", 0))
    server = create_server([])
    health = await add_health_and_reflection(server, [])
    bot_pb2_grpc.add_BotServiceServicer_to_server(Servicer(), server)
    port = bind(server, "127.0.0.1", free_port(int(os.environ["BOT_API_PORT"])))
    await server.start()
    await health.set(serving=True)
    epoch_file = folder / "epoch"
    epoch = int(epoch_file.read_text()) + 1 if epoch_file.exists() else 1
    raised = folder / "epoch.part"
    raised.write_text(str(epoch))
    raised.replace(epoch_file)  # whenever it is killed, the file has a number
    instance = secrets.token_hex(4)
    say(event="ready", address=f"127.0.0.1:{port}", instance=instance, epoch=epoch, pid=os.getpid())
    for state, number in how.get("session", [["CONNECTED", "+5215512345678"]]):
        say(event="session", state=state, phone_number=number, reason="")
    if "exit_when_ready" in how:
        os._exit(how["exit_when_ready"])
    print(f"{tenant} runs", flush=True)
    await stop.wait()
    say(event="stopping")
    await server.stop(0.1)


def run() -> int:
    return lifecycle.run(main)


if __name__ == "__main__":
    sys.exit(run())
