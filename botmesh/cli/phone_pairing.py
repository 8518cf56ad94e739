"""``botmesh pair``: a tenant is linked by a code that is typed into its phone."""

import contextlib
import queue
import re
import threading
import time
from collections.abc import Iterator
from typing import Annotated, NoReturn, Self

import grpc
import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from botmesh.cli import big_letters, output
from botmesh.cli.connection import channel, timeout_s
from botmesh.errors import REASONS, Reason
from botmesh.v1 import (
    BotServiceStub,
    RequestPairingCodeRequest,
    RequestPairingCodeResponse,
    StreamQRRequest,
    StreamQRResponse,
)

WHERE = "WhatsApp > Linked devices > Link a device > Link with phone number instead"


def pair(
    context: typer.Context,
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's id.")],
    phone: Annotated[
        str, typer.Option("--phone", help="The account's own number, e.g. +5215512345678.")
    ],
) -> None:
    """Show a code that links a tenant's WhatsApp when it is typed into the phone; wait for that.

    A code that runs out, or that a failed try has made void, is followed by another.
    """
    with channel(context.obj, tenant_id) as opened:
        stub = BotServiceStub(opened)
        request = RequestPairingCodeRequest(tenant_id=tenant_id, phone_number=phone)
        # Asked for first: what is wrong with the number or the tenant is said at once.
        code = stub.RequestPairingCode(request, timeout=timeout_s())
        with _Steps(stub, tenant_id) as steps, _Screen(tenant_id, phone) as screen:
            while True:
                screen.show(code)
                if _paired(steps, screen, phone, code):
                    return
                code = stub.RequestPairingCode(request, timeout=timeout_s())


def _paired(
    steps: "_Steps", screen: "_Screen", phone: str, code: RequestPairingCodeResponse
) -> bool:
    """Wait for the account to be linked; False when the code has to be asked for again."""
    until = time.monotonic() + code.expires_in.ToTimedelta().total_seconds()
    for step in steps.until(until):
        match step.WhichOneof("step"):
            case "paired":
                screen.end(step)
                return True
            case "failed":
                screen.tell(step)
                return False
            case "code":
                # A new botnode process shows a QR code and knows nothing of ours. While ours
                # lives, asking again gives the same, and WhatsApp is not asked.
                return False
            case "passkey_required":
                screen.tell(step)
                _refuse(step.passkey_required.message, step.passkey_required.reason)
            case "phone_code" if step.phone_code.code != code.code:
                if _digits(step.phone_code.phone_number) != _digits(phone):
                    # Not taken back: two commands would call at two phones in turn.
                    _refuse("a code for another number was asked for meanwhile", "PAIRING_FAILED")
                return False
            case _:
                pass
    return False


def _refuse(message: str, reason: str) -> NoReturn:
    output.fail(message, reason=reason, code=REASONS[Reason(reason)].code.name)


def _digits(number: str) -> str:
    return re.sub(r"\D", "", number)


class _Steps:
    """The steps of a tenant's pairing, which can be waited for with a limit."""

    def __init__(self, stub: BotServiceStub, tenant_id: str) -> None:
        self._call = stub.StreamQR(StreamQRRequest(tenant_id=tenant_id))
        self._found: queue.Queue[StreamQRResponse | grpc.RpcError | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="pairing-steps", daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._call.cancel()
        self._reader.join()

    def _read(self) -> None:
        try:
            for step in self._call:
                self._found.put(step)
        except grpc.RpcError as error:
            self._found.put(error)
        else:
            self._found.put(None)

    def until(self, limit: float) -> Iterator[StreamQRResponse]:
        """The steps that come before a monotonic time.

        Raises:
            grpc.RpcError: what the stream ended with.
        """
        while (left := limit - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                found = self._found.get(timeout=left)
                if isinstance(found, grpc.RpcError):
                    raise found
                if found is None:
                    return
                yield found


class _Screen:
    """Where the code is shown: drawn in a terminal, a line elsewhere, JSON for scripts."""

    def __init__(self, tenant_id: str, phone: str) -> None:
        self._shown = ""
        self._title = f"{tenant_id}, {phone}"
        drawn = output.console.is_terminal and not output.is_json()
        self._live = (
            Live(console=output.console, transient=True, auto_refresh=False) if drawn else None
        )

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, code: RequestPairingCodeResponse) -> None:
        """Show a code instead of the one before, if it is another."""
        if code.code == self._shown:
            return
        self._shown = code.code
        seconds = code.expires_in.ToTimedelta().total_seconds()
        if output.is_json():
            output.emit({"pairing_code": output.as_dict(code)})
        elif self._live is None:
            output.say(f"code ({seconds:.0f} s): {code.code}")
            output.say(WHERE)
        else:
            self._live.update(self._picture(code.code, seconds), refresh=True)

    def _picture(self, code: str, seconds: float) -> Group | Text:
        until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
        words = Text(f"{self._title}: {code}\n{WHERE}. Good until {until}.")
        if len(code) * big_letters.LETTER_WIDTH > output.console.width:
            return words
        return Group(Text(), big_letters.draw(code), words)

    def tell(self, step: StreamQRResponse) -> None:
        """Show a step that is no code; what is shown already stays above it."""
        if output.is_json():
            output.emit(output.as_dict(step))
        elif step.HasField("failed"):
            output.say(f"failed: {step.failed.message} ({step.failed.reason})")

    def end(self, step: StreamQRResponse) -> None:
        """Show that the account is linked."""
        self.tell(step)
        output.say(f"paired as {step.paired.phone_number}")
