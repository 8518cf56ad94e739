"""What the watchers of StreamQR see: one pairing serves them all."""

import asyncio
import io
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta

from botmesh.errors import MeshError, Reason
from botnode.clock import now
from botnode.ports import Account

# WhatsApp's own times: the first code of a round lives for 60 seconds, the others for 20.
FIRST_CODE_LIFE = timedelta(seconds=60)
CODE_LIFE = timedelta(seconds=20)
PAIRING_LIMIT = timedelta(minutes=30)
# A watcher that comes back within this time goes on with the pairing that was.
FORGET_AFTER = timedelta(seconds=60)
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


Step = CodeShown | AccountPaired | TryFailed


class _Round:
    """What there is to see now, numbered, so that each watcher sees each thing once."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.number = 0
        self.code: tuple[int, CodeShown] | None = None
        self.failure: tuple[int, TryFailed] | None = None
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
            item for item in (self.failure, self.code) if item is not None and item[0] > seen
        ]
        return sorted(found, key=lambda item: item[0])


class PairingHub:
    """The meeting place of the connector, which pairs, and the watchers."""

    def __init__(self) -> None:
        self._round: _Round | None = None
        self._watchers = 0
        self._watched = asyncio.Event()
        self._left_at = 0.0

    @property
    def watching(self) -> bool:
        """Whether somebody watches."""
        return self._watchers > 0

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

    async def wait_for_watcher(self) -> None:
        """Return when somebody watches."""
        await self._watched.wait()

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

    def fail(self, reason: Reason, message: str) -> None:
        """Tell the watchers that a try failed. The code on show is void."""
        current = self._open_round()
        current.code = None
        current.failure = (current.next_number(), TryFailed(reason, message))
        current.tell()

    def hide(self) -> None:
        """The code on show is void; the next follows."""
        if self._round is not None:
            self._round.code = None

    def finish(self, end: Account | MeshError) -> None:
        """End all watchers' streams: paired, or an error."""
        if self._round is not None:
            self._round.end = AccountPaired(end) if isinstance(end, Account) else end
            self._round.tell()
            self._round = None

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
        self._watched.set()
        return current

    def _leave(self) -> None:
        self._watchers -= 1
        if not self._watchers:
            self._watched.clear()
            self._left_at = asyncio.get_running_loop().time()


def draw(code: str) -> bytes:
    """A QR code as PNG, black on white with a quiet zone of 4 modules."""
    # Loaded on first use: most botnodes are paired and never draw a code.
    import segno  # noqa: PLC0415

    picture = io.BytesIO()
    segno.make_qr(code, error="l").save(picture, kind="png", scale=PNG_SCALE, border=4)
    return picture.getvalue()
