"""The keys of botmesh's own gRPC metadata.

A request's body wins over metadata, and the two must agree.
"""

MESH = "botmesh-mesh"
TENANT_ID = "botmesh-tenant-id"
REQUEST_ID = "botmesh-request-id"
ATTEMPT = "botmesh-attempt"
SECRET = "botmesh-secret"  # noqa: S105 - the key's name, not its value
