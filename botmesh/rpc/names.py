"""What a tenant and a mesh may be called."""

import re

from botmesh.errors import invalid

# A tenant's id is also a folder, a tag in discovery and a DNS label (RFC 1123).
TENANT_ID_PATTERN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MESH_PATTERN = TENANT_ID_PATTERN


def is_tenant_id(value: str) -> bool:
    """Whether ``value`` may be a tenant's id."""
    return TENANT_ID_PATTERN.fullmatch(value) is not None


def check_tenant_id(value: str, field: str = "tenant_id") -> str:
    """Return ``value``; raise INVALID_REQUEST naming ``field`` if it cannot be a tenant's id."""
    if not is_tenant_id(value):
        what = (
            "is required" if not value else "must be 1 to 63 of a-z, 0-9 and '-', not at the ends"
        )
        raise invalid(field, what)
    return value
