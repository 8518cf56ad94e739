"""What the mesh calls its things in Consul, and what it writes into them.

Everything carries the mesh's name, so that meshes on one agent never see each other::

    service  botnode, id botnode-<mesh>-<tenant>-<instance>
    checks   lease-<mesh>-<tenant>-<instance>, whatsapp-<mesh>-<tenant>-<instance>
    session  botnode-<mesh>-<tenant>-<instance>, bound to the first check and to the node's health
    keys     botmesh/<mesh>/leases/<tenant>              held by the one that owns the tenant
             botmesh/<mesh>/routes/<tenant>/<instance>   held while that process can be called
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from botmesh.rpc.names import is_tenant_id
from registry.discovery.port import Route

SERVICE = "botnode"
MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class EntryNames:
    """The names of one botnode process."""

    mesh: str
    tenant_id: str
    instance: str

    @property
    def service_id(self) -> str:
        """The service; the session is called the same."""
        return f"{SERVICE}-{self._tail}"

    @property
    def lease_check(self) -> str:
        """The check whether the process answers."""
        return f"lease-{self._tail}"

    @property
    def whatsapp_check(self) -> str:
        """The check whether the tenant is on WhatsApp."""
        return f"whatsapp-{self._tail}"

    @property
    def lease_key(self) -> str:
        """The key that the tenant's owner holds."""
        return f"botmesh/{self.mesh}/leases/{self.tenant_id}"

    @property
    def tenant_routes(self) -> str:
        """The prefix of the routes of this tenant's processes."""
        return f"{routes_prefix(self.mesh)}{self.tenant_id}/"

    @property
    def route_key(self) -> str:
        """The key that says where this process can be called."""
        return f"{self.tenant_routes}{self.instance}"

    @property
    def _tail(self) -> str:
        return f"{self.mesh}-{self.tenant_id}-{self.instance}"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds, or last held, a tenant's lease, as far as its key tells."""

    instance: str
    host: str


class GarbageError(ValueError):
    """A key holds what no botnode writes; the text says what is wrong."""


def routes_prefix(mesh: str) -> str:
    """The prefix of all routes of a mesh."""
    return f"botmesh/{mesh}/routes/"


def encode_lease(holder: Holder, tenant_name: str, since: str) -> bytes:
    """A lease's value; `since` is when this process first held it, for people."""
    return _encode(
        {
            "instance": holder.instance,
            "host": holder.host,
            "tenant_name": tenant_name,
            "since": since,
        }
    )


def decode_holder(value: bytes) -> Holder:
    """Who wrote a lease; fields that it does not have are empty."""
    try:
        fields = _decode(value)
    except GarbageError:
        fields = {}
    return Holder(str(fields.get("instance", "")), str(fields.get("host", "")))


def encode_route(route: Route) -> bytes:
    """A route's value; tenant and instance stand in its key."""
    return _encode({"address": route.address, "epoch": route.epoch})


def decode_route(mesh: str, path: str, value: bytes) -> Route:
    """The route that a key tells of.

    Raises:
        GarbageError: it is none.
    """
    tenant_id, slash, instance = path.removeprefix(routes_prefix(mesh)).partition("/")
    if not slash or not instance or "/" in instance or not is_tenant_id(tenant_id):
        raise GarbageError("the key is not <tenant>/<instance>")
    fields = _decode(value)
    address, epoch = fields.get("address"), fields.get("epoch")
    if not isinstance(address, str) or split_address(address) is None:
        raise GarbageError("address is not host:port")
    if not isinstance(epoch, int) or isinstance(epoch, bool) or epoch < 0:
        raise GarbageError("epoch is not a number")
    return Route(tenant_id, address, instance, epoch)


def split_address(address: str) -> tuple[str, int] | None:
    """Host (without brackets) and port of "host:port"; None if it is no such thing."""
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    # isdigit() also takes digits that int() does not.
    if not (colon and host and port.isascii() and port.isdigit()):
        return None
    number = int(port)
    return (host, number) if 0 < number <= MAX_PORT and not set(host) & set(" /?#@") else None


def _encode(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def _decode(value: bytes) -> Mapping[str, object]:
    try:
        fields = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise GarbageError("the value is not JSON") from error
    if not isinstance(fields, dict):
        raise GarbageError("the value is not an object")
    return fields
