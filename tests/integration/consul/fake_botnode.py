"""A botnode without WhatsApp: lease, route and status in Consul, in a process that can be killed.

argv: a JSON object with address (of the agent), mesh, tenant, instance, epoch, hosted. It tells on
stdout what happens, one JSON object a line, and exits with 3 when its lease was lost.
"""

import asyncio
import json
import sys

from grpc_health.v1 import health_pb2

from botmesh.rpc import lifecycle, logging
from botmesh.rpc.server import add_health_and_reflection, bind, create_server
from registry.discovery.consul import Botnode, ConsulDiscovery, ConsulSettings
from registry.discovery.port import ALIVE_SERVICE, Announcement

HOW = json.loads(sys.argv[1])
LOST = 3


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def main(stop: lifecycle.StopSignal) -> None:
    server = create_server([])
    health = await add_health_and_reflection(server, [])
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    await health.servicer.set(ALIVE_SERVICE, health_pb2.HealthCheckResponse.SERVING)
    node = Botnode(
        HOW["mesh"],
        HOW["tenant"],
        HOW["tenant"].title(),
        HOW["instance"],
        f"127.0.0.1:{port}",
        "1.2.3",
        "here",
    )
    consul = ConsulDiscovery(ConsulSettings(address=HOW["address"]), HOW["mesh"])
    lease, registration = consul.own(node, hosted=HOW["hosted"])

    def lost(why: str) -> None:
        say(event="lost", why=why)
        stop.set(LOST)

    lease.on_lost(lost)
    say(event="bound", address=node.address)
    waiting = asyncio.create_task(lease.acquire())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        say(event="leased")
        announcement = Announcement(
            node.tenant_id,
            node.tenant_name,
            node.address,
            node.instance,
            HOW["epoch"],
            node.version,
            "CONNECTED",
            "+5215512345678",
        )
        await registration.register(announcement)
        say(event="registered")
    await stop.wait()
    waiting.cancel()
    await registration.deregister()
    await lease.release()
    await consul.close()
    await server.stop(0)


if __name__ == "__main__":
    logging.configure("info", "json")
    sys.exit(lifecycle.run(main))
