"""How the hosts of this test run start botnodes: BOTMESH_SPAWN, or the product's default."""

import os

from botmesh.rpc.settings import variables_of
from botnode.host.settings import HostSettings

SPAWN = os.environ.get("BOTMESH_SPAWN") or variables_of(HostSettings)["spawn"].default
# For the environment of whatever starts a host.
SPAWNING = {"BOTMESH_SPAWN": SPAWN}
