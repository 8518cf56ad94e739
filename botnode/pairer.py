"""Links an account: round after round of codes, while somebody watches."""

import asyncio
import contextlib
from datetime import timedelta

import structlog

from botmesh.errors import Reason
from botnode.line import Line
from botnode.pairing import CODE_LIFE, FIRST_CODE_LIFE, ROUND_LIFE
from botnode.pairing_errors import is_line_lost, pairing_error
from botnode.ports import (
    ClientOutdated,
    Connected,
    DiskFailure,
    Doubtful,
    Ended,
    Heard,
    KeepAliveRestored,
    KeepAliveTimeout,
    PairingCodeError,
    PairingEnded,
    QrCode,
    Signal,
    StoreFailure,
    TemporaryBan,
    Unheard,
)
from botnode.states import SessionState

log = structlog.get_logger(__name__)

_S = SessionState

# Each round of codes that nobody scanned leaves a thread of the library behind.
MAX_LEAKED_ROUNDS = 3
# A person has to be able to type a phone code: one for which less is left gets a round of its own.
LEAST_PHONE_CODE_LIFE = timedelta(seconds=60)
PASSKEY = (
    "WhatsApp asks for a passkey to link this account, which botmesh cannot give: link an account "
    "that has none"
)
_RAN_OUT = PairingEnded("timeout")
# The library's words for the end of a round of codes (whatsmeow's qrchan.go).
_FAILURES = {
    "timeout": "",  # the codes ran out, or the server closed the line
    "error": "the phone and this device could not agree on keys",
    "err-scanned-without-multidevice": "the phone has multi-device switched off",
    "err-unexpected-state": "WhatsApp refused this device",
}


class Pairer:
    """Pairs over a line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._machine = line.machine
        self._hub = line.hub
        self._leaked_rounds = 0

    async def run(self) -> None:
        """Return when an account is linked; its client goes on to log in."""
        while True:
            await self._wait_until_wanted()
            self._machine.move(_S.PAIRING)
            if error := self._line.disk_error:
                self._hub.fail(Reason.STORAGE_FULL, error)
            await self._line.open()
            if await self._round():
                return
            if self._leaked_rounds >= MAX_LEAKED_ROUNDS:
                await self._line.renew_process(f"{self._leaked_rounds} rounds of codes ran out")
            if not self._hub.wanted:
                self._machine.move(_S.UNPAIRED)

    async def _wait_until_wanted(self) -> None:
        watcher = asyncio.ensure_future(self._hub.wait_until_wanted())
        try:
            while not watcher.done():
                request = asyncio.ensure_future(self._line.next())
                try:
                    await asyncio.wait({watcher, request}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    request.cancel()
        finally:
            watcher.cancel()

    async def _round(self) -> bool:
        """One round of codes; True if one of them linked an account."""
        began: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        clerk = asyncio.create_task(self._give_phone_codes(began), name="phone-codes")
        try:
            signal = await self._show_codes(began)
        finally:
            clerk.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await clerk
        match signal:
            case PairingEnded("success"):
                self._hub.hide()
                self._machine.move(_S.CONNECTING, account=await self._line.account())
            case Connected(account):  # the store had an account after all
                self._machine.move(_S.CONNECTING, account=account)
                self._machine.move(_S.CONNECTED)
            case _:
                await self._end(signal)
                return False
        return True

    async def _give_phone_codes(self, began: "asyncio.Future[float]") -> None:
        """Get the phone codes that are asked for while a round lasts."""
        dies_at = await began + ROUND_LIFE.total_seconds()
        desk = self._hub.phone_codes
        while True:
            number = await desk.next_number()
            left_s = dies_at - asyncio.get_running_loop().time()
            if left_s < LEAST_PHONE_CODE_LIFE.total_seconds():
                self._line.hear(_RAN_OUT)  # the next round begins now
                return
            try:
                code = await self._line.pair_phone(number)
            except PairingCodeError as error:
                if is_line_lost(str(error)):
                    self._line.hear(_RAN_OUT)
                    return
                refusal = pairing_error(str(error))
                log.warning("phone_code_refused", reason=refusal.reason, error=str(error))
                desk.refuse(number, refusal)
            else:
                self._hub.show_phone_code(number, code, dies_at)

    async def _show_codes(self, began: "asyncio.Future[float]") -> Signal:
        """Show the codes of a round until one is scanned, or it ends otherwise."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._line.timing.first_code_s
        while True:
            signal = await self._line.next(max(0.0, until - loop.time()))
            match signal:
                case QrCode(code):
                    life = CODE_LIFE if began.done() else FIRST_CODE_LIFE
                    if not began.done():
                        began.set_result(loop.time())
                    self._hub.show(code, life)
                    until = loop.time() + life.total_seconds() + self._line.timing.code_slack_s
                case KeepAliveTimeout() | KeepAliveRestored() | Doubtful() | Heard() | Unheard():
                    # The codes on show may hold all the same; if they do not, their time ends.
                    log.info("signal_while_pairing", signal=type(signal).__name__)
                case None:
                    return _RAN_OUT if began.done() else PairingEnded("WhatsApp sent no code")
                case _:
                    return signal

    async def _end(self, signal: Signal) -> None:
        """The round is over without a scan."""
        match signal:
            case PairingEnded("passkey-request"):
                # The library has changed the secret in its codes: those on show are void.
                self._hub.ask_passkey(PASSKEY)
                self._machine.note(PASSKEY)
                await self._end_leaking("")
            case PairingEnded("err-client-outdated") | ClientOutdated():
                self._leaked_rounds += 1
                await self._line.rest_outdated()
            case TemporaryBan():
                self._leaked_rounds += 1
                await self._line.rest_banned(signal)
            case PairingEnded(outcome):
                await self._end_leaking(_FAILURES.get(outcome, outcome))
            case DiskFailure(detail):
                self._hub.fail(Reason.STORAGE_FULL, detail)
                await self._end_leaking("")
            case StoreFailure(detail):
                await self._line.give_up(f"session.db cannot be used: {detail}")
            case Ended(error):
                text = f"WhatsApp cannot be reached: {error}"
                self._hub.fail(Reason.PAIRING_FAILED, text)
                await self._line.recycle(text)
            case _:
                await self._end_leaking(f"unexpected: {type(signal).__name__}")

    async def _end_leaking(self, failure: str) -> None:
        self._leaked_rounds += 1
        log.info("pairing_round_ended", leaked_rounds=self._leaked_rounds, failure=failure)
        if failure:
            self._hub.fail(Reason.PAIRING_FAILED, failure)
            self._machine.note(failure)
        self._hub.end_round()
        await self._line.close()
