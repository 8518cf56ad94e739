"""What the watchers of StreamQR see: one pairing serves them all, phone codes too."""

import asyncio
import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta

from botmesh.errors import MeshError, Reason
from botnode.clock import now
from botnode.phone_codes import RETRY_AFTER, PhoneCode, PhoneCodes
from botnode.ports import Account

# WhatsApp's own times: the first code of a round lives for 60 seconds, the others for 20.
FIRST_CODE_LIFE = timedelta(seconds=60)
CODE_LIFE = timedelta(seconds=20)
# A round has six codes, and a phone code lives as long as its round.
ROUND_LIFE = FIRST_CODE_LIFE + 5 * CODE_LIFE
PAIRING_LIMIT = timedelta(minutes=30)
# A watcher that comes back within this time goes on with the pairing that was.
FORGET_AFTER = timedelta(seconds=60)
# Watchers hear of a phone code that dies more than this before its time.
EARLY_DEATH = timedelta(seconds=5)
PNG_SCALE = 6


@dataclass(frozen=True, slots=True)
class CodeShown:
    """A code to show, with its picture; ``dies_at`` is a time of the event loop."""

    code: str
    png: bytes
    expire_time: datetime
    dies_at: float


@dataclass(frozen=True, slots=True)
class AccountPaired:
    """The account is linked and logged in."""

    account: Account


@dataclass(frozen=True, slots=True)
class TryFailed:
    """A try failed; the next follows by itself."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class PasskeyAsked:
    """WhatsApp asked for a passkey: this account cannot be linked. The next try follows."""

    message: str


Step = CodeShown | PhoneCode | AccountPaired | TryFailed | PasskeyAsked


class _Round:
    """What there is to see now, numbered, so that each watcher sees each thing once."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.number = 0
        self.code: tuple[int, CodeShown] | None = None
        self.phone_code: tuple[int, PhoneCode] | None = None
        self.failure: tuple[int, TryFailed | PasskeyAsked] | None = None
        self.end: AccountPaired | MeshError | None = None
        self.changed = asyncio.Event()

    def next_number(self) -> int:
        self.number += 1
        return self.number

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    def before_first(self) -> int:
        """Where a new watcher starts: with the code on show, not with what failed before it."""
        return self.failure[0] if self.code is not None and self.failure is not None else 0

    def unseen(self, seen: int) -> list[tuple[int, Step]]:
        found: list[tuple[int, Step]] = [
            item
            for item in (self.failure, self.code, self.phone_code)
            if item is not None and item[0] > seen
        ]
        return sorted(found, key=lambda item: item[0])


class PairingHub:
    """The meeting place of the connector, which pairs, and the watchers.

    Attributes:
        phone_codes: the desk at which phone codes are asked for.
    """

    def __init__(self) -> None:
        self._round: _Round | None = None
        self._watchers = 0
        self._wanted = asyncio.Event()
        self._left_at = 0.0
        self.phone_codes = PhoneCodes(self._count)

    @property
    def watching(self) -> bool:
        """Whether somebody watches."""
        return self._watchers > 0

    @property
    def wanted(self) -> bool:
        """Whether somebody watches, or waits for a phone code."""
        return self.watching or self.phone_codes.wanted

    @property
    def pending(self) -> bool:
        """Whether a pairing is under way."""
        return self._round is not None

    def resume(self, since: datetime) -> None:
        """Go on with the pairing that an earlier process of this tenant began."""
        elapsed = now() - since
        if timedelta(0) <= elapsed < PAIRING_LIMIT:
            time = asyncio.get_running_loop().time()
            self._round = _Round(time - elapsed.total_seconds())
            self._left_at = time

    def pairing_since(self) -> datetime | None:
        """When the pairing began that goes on now."""
        if self._round is None or not self.watching:
            return None
        elapsed = asyncio.get_running_loop().time() - self._round.began_at
        return now() - timedelta(seconds=elapsed)

    async def wait_until_wanted(self) -> None:
        """Return when somebody watches, or waits for a phone code."""
        await self._wanted.wait()

    def _count(self) -> None:
        if self.wanted:
            self._wanted.set()
        else:
            self._wanted.clear()

    # -- the connector's side

    def show(self, code: str, life: timedelta) -> None:
        """Show a code instead of the one before."""
        shown = CodeShown(
            code,
            draw(code),
            now() + life,
            asyncio.get_running_loop().time() + life.total_seconds(),
        )
        current = self._open_round()
        current.code = (current.next_number(), shown)
        current.tell()

    def show_phone_code(self, number: str, code: str, dies_at: float) -> None:
        """Give out a phone code instead of the one before."""
        given = self.phone_codes.give(number, code, dies_at)
        current = self._open_round()
        current.phone_code = (current.next_number(), given)
        current.tell()

    def fail(self, reason: Reason, message: str) -> None:
        """Tell the watchers that a try failed. The codes that were given out are void."""
        self._void(TryFailed(reason, message))
        self.phone_codes.fail(MeshError(reason, message, retry_after=RETRY_AFTER))

    def ask_passkey(self, message: str) -> None:
        """Tell the watchers that WhatsApp asked for a passkey. The codes so far are void."""
        self._void(PasskeyAsked(message))
        self.phone_codes.fail(MeshError(Reason.PASSKEY_REQUIRED, message))

    def end_round(self) -> None:
        """The round of codes is over; the next follows while somebody watches."""
        phone_code = self.phone_codes.current
        if phone_code is not None and self._left_s(phone_code) > EARLY_DEATH.total_seconds():
            text = "the round of codes ended early: the phone code is void"
            self._void(TryFailed(Reason.PAIRING_FAILED, text))
        self.hide()

    def hide(self) -> None:
        """The codes that were given out are void."""
        self.phone_codes.void()
        if self._round is not None:
            self._round.code = self._round.phone_code = None

    def finish(self, end: Account | MeshError) -> None:
        """End all watchers' streams: paired, or an error."""
        self.phone_codes.void()
        self.phone_codes.fail(already_paired() if isinstance(end, Account) else end)
        if self._round is not None:
            self._round.end = AccountPaired(end) if isinstance(end, Account) else end
            self._round.tell()
            self._round = None

    def _void(self, failure: TryFailed | PasskeyAsked) -> None:
        current = self._open_round()
        current.code = current.phone_code = None
        current.failure = (current.next_number(), failure)
        current.tell()
        self.phone_codes.void()

    @staticmethod
    def _left_s(code: PhoneCode) -> float:
        return code.dies_at - asyncio.get_running_loop().time()

    def _open_round(self) -> _Round:
        if self._round is None:
            self._round = _Round(asyncio.get_running_loop().time())
        return self._round

    # -- a watcher's side

    async def watch(self) -> AsyncGenerator[Step, None]:
        """The steps from now on, the code on show first; ends after `AccountPaired`.

        Raises:
            MeshError: PAIRING_TIMED_OUT, or what the connector ended the pairing with.
        """
        current = self._join()
        seen = current.before_first()
        try:
            while True:
                changed = current.changed
                for number, step in current.unseen(seen):
                    seen = number
                    yield step
                if isinstance(current.end, MeshError):
                    raise current.end
                if current.end is not None:
                    yield current.end
                    return
                await self._wait(current, changed)
        finally:
            self._leave()

    async def _wait(self, current: _Round, changed: asyncio.Event) -> None:
        limit = current.began_at + PAIRING_LIMIT.total_seconds()
        try:
            async with asyncio.timeout_at(limit):
                await changed.wait()
        except TimeoutError:
            current.began_at = asyncio.get_running_loop().time()  # for whoever comes next
            raise MeshError(Reason.PAIRING_TIMED_OUT, "nobody scanned a code in time") from None

    def _join(self) -> _Round:
        loop = asyncio.get_running_loop()
        current = self._open_round()
        if not self.watching and loop.time() - self._left_at > FORGET_AFTER.total_seconds():
            current.began_at = loop.time()
        self._watchers += 1
        self._count()
        return current

    def _leave(self) -> None:
        self._watchers -= 1
        self._count()
        if not self._watchers:
            self._left_at = asyncio.get_running_loop().time()


def already_paired() -> MeshError:
    """A tenant with an account gets no codes."""
    text = "the tenant has a WhatsApp account linked already"
    return MeshError(Reason.SESSION_ALREADY_PAIRED, text)


def draw(code: str) -> bytes:
    """A QR code as PNG, black on white with a quiet zone of 4 modules."""
    import segno  # noqa: PLC0415 - most botnodes are paired and never draw a code

    picture = io.BytesIO()
    segno.make_qr(code, error="l").save(picture, kind="png", scale=PNG_SCALE, border=4)
    return picture.getvalue()
