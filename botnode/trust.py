"""Making this process trust a sandbox instead of WhatsApp.

whatsmeow checks the server's Noise certificate chain against a root key that is part of its code
(``WACertPubKey`` in its handshake.go). In the loaded neonize library those 32 bytes occur once, in
memory that may be written; a botnode for the sandbox overwrites them in its own process before it
connects. No file is changed, and no other process is touched.

Only a botnode of a sandbox mesh, in a folder marked so, whose way out is a proxy on loopback, may
do that: what is then sent can only reach this machine.
"""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from botmesh.rpc.proxy_url import is_on_loopback

PINNED_KEY: Final = bytes.fromhex(
    "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b"
)
_MAPS: Final = Path("/proc/self/maps")


class TrustError(Exception):
    """The pinned key could not be replaced."""


class TrustRefusedError(TrustError):
    """The pinned key may not be replaced here; the text says which condition fails."""


class _Mapping(NamedTuple):
    start: int
    size: int


def check_sandbox(
    *, mesh_is_sandbox: bool, proxy: str | None, folder_is_sandbox: bool, tenant_proxy: str = ""
) -> None:
    """Raise TrustRefusedError unless this process belongs to a sandbox in every respect.

    Args:
        mesh_is_sandbox: whether the mesh is a sandbox mesh.
        proxy: the value of HTTPS_PROXY this process was started with; Go reads no other.
        folder_is_sandbox: whether the tenant's folder carries the sandbox's mark.
        tenant_proxy: the tenant's own proxy, which then comes first; empty for none.
    """
    if not mesh_is_sandbox:
        raise TrustRefusedError("the mesh is not a sandbox mesh")
    if not proxy:
        raise TrustRefusedError("HTTPS_PROXY is not set, so this process would reach WhatsApp")
    if not is_on_loopback(proxy):
        raise TrustRefusedError("HTTPS_PROXY does not name a proxy on loopback")
    if tenant_proxy and not is_on_loopback(tenant_proxy):
        raise TrustRefusedError("BOTMESH_PROXY_URL does not name a proxy on loopback")
    if not folder_is_sandbox:
        raise TrustRefusedError("the tenant's folder was not made for the sandbox")


def replace_root_key(key: bytes, library: Path) -> None:
    """Overwrite the pinned root key in the loaded library, in this process alone.

    Args:
        key: the sandbox's public root key, 32 bytes.
        library: the shared library's file, as it was loaded.

    Raises:
        TrustError: the key has another size, the library is not loaded, or the pinned key does
            not occur exactly once in its writable memory.
    """
    if len(key) != len(PINNED_KEY):
        raise TrustError(f"a root key has {len(PINNED_KEY)} bytes, not {len(key)}")
    mappings = list(_writable_mappings(library.resolve()))
    if not mappings:
        raise TrustError(f"{library.name} is not loaded, or none of its memory can be written")
    found = [address for mapping in mappings for address in _occurrences(mapping, PINNED_KEY)]
    if len(found) != 1:
        raise TrustError(
            f"the pinned key occurs {len(found)} times in {library.name}, once is expected: "
            "this build of neonize is not one that the sandbox knows"
        )
    ctypes.memmove(found[0], key, len(key))


def _writable_mappings(library: Path) -> Iterator[_Mapping]:
    for line in _MAPS.read_text().splitlines():
        span, permissions, _, _, _, *path = line.split(maxsplit=5)
        if path and path[0] == str(library) and permissions.startswith("rw"):
            start, end = (int(address, 16) for address in span.split("-"))
            yield _Mapping(start, end - start)


def _occurrences(mapping: _Mapping, wanted: bytes) -> Iterator[int]:
    """Where the bytes are in a mapping; it is read in its place, for it has megabytes."""
    find = ctypes.CFUNCTYPE(
        *(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)
    )(("memmem", ctypes.CDLL(None)))
    end = mapping.start + mapping.size
    at = find(mapping.start, mapping.size, wanted, len(wanted))
    while at is not None:
        yield at
        at = find(at + 1, end - at - 1, wanted, len(wanted))
