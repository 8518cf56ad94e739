"""What the gateway shows to a botnode."""

from botmesh.rpc import metadata
from gateway.call import Call


class Credentials:
    """What a botnode is shown with each attempt: who is calling, for whom, and how often."""

    def __init__(self, *, mesh: str, secret: str) -> None:
        self._identity = ((metadata.SECRET, secret), (metadata.MESH, mesh))

    def metadata(self, call: Call, attempt: int) -> tuple[tuple[str, str], ...]:
        """The metadata of one attempt."""
        common = (
            *self._identity,
            (metadata.TENANT_ID, call.tenant_id),
            (metadata.ATTEMPT, str(attempt)),
        )
        return (*common, (metadata.REQUEST_ID, call.request_id)) if call.request_id else common
