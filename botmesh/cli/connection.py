"""The command's line to the gateway."""

import contextlib
from collections.abc import Iterator

import grpc

from botmesh.cli import output
from botmesh.cli.advice import advice
from botmesh.errors import from_rpc_error

DEFAULT_GATEWAY = "127.0.0.1:50051"
# Long enough for a botnode that is just starting, short enough for a person who waits.
DEFAULT_TIMEOUT_S = 30.0

# The same call may succeed later: the shell's EX_TEMPFAIL idea, without its number.
RETRY_LATER = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)


class _Patience:
    timeout_s = DEFAULT_TIMEOUT_S


def set_timeout(seconds: float) -> None:
    """Wait so long for every answer from now on."""
    _Patience.timeout_s = seconds


def timeout_s() -> float:
    """How long to wait for an answer."""
    return _Patience.timeout_s


@contextlib.contextmanager
def channel(address: str, tenant_id: str = "") -> Iterator[grpc.Channel]:
    """A channel to the gateway; errors of calls inside end the command with one sentence."""
    options = [("grpc.enable_http_proxy", 0)]
    with (
        grpc.insecure_channel(address, options=options) as opened,
        explained(address, tenant_id=tenant_id),
    ):
        yield opened


@contextlib.contextmanager
def explained(
    address: str, *, start_with: str = "botmesh up", tenant_id: str = ""
) -> Iterator[None]:
    """Turn a failed call into one sentence with its reason, advice, and an exit status."""
    try:
        yield
    except grpc.RpcError as error:
        code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
        known = from_rpc_error(error)
        status = output.EXIT_RETRY if code in RETRY_LATER else output.EXIT_REFUSED
        if known is not None:
            output.fail(
                known.message,
                reason=known.reason.value,
                code=code.name,
                metadata=known.metadata,
                violations={v.field: v.description for v in known.violations},
                advice=advice(known, tenant_id),
                exit_code=status,
            )
        if code is grpc.StatusCode.UNAVAILABLE:
            nobody = f"nothing answers at {address}; is the mesh running ({start_with})?"
            output.fail(
                nobody if never_left(error) else f"{address} went away before it answered",
                code=code.name,
                exit_code=status,
            )
        details = error.details() if isinstance(error, grpc.Call) else str(error)
        output.fail(f"{code.name}: {details}", code=code.name, exit_code=status)


def never_left(error: grpc.RpcError) -> bool:
    """Whether a call failed because nobody answered at the address: then nobody got it."""
    details = error.details() if isinstance(error, grpc.Call) else None
    return (details or "").startswith("failed to connect to all addresses")
