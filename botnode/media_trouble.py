"""The typed errors of moving media."""

from datetime import timedelta

from botmesh.errors import MeshError, Reason

_AGAIN_AFTER = timedelta(seconds=5)


def failed(text: str, status: int = 0) -> MeshError:
    """It may work later.

    Args:
        text: why, without addresses.
        status: what the media host answered, if it did.
    """
    metadata = {"http_status": str(status)} if status else {}
    return MeshError(
        Reason.MEDIA_TRANSFER_FAILED, text, metadata=metadata, retry_after=_AGAIN_AFTER
    )


def too_large(limit_bytes: int) -> MeshError:
    """It has more bytes than are allowed."""
    return MeshError(
        Reason.MEDIA_TOO_LARGE,
        f"the media has more than {limit_bytes} bytes",
        metadata={"limit_bytes": str(limit_bytes)},
    )
