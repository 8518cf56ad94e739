"""Whether WhatsApp is really there: an open line proves nothing.

The library pings WhatsApp every 20 to 30 seconds and gives an answer 10 (whatsmeow's keepalive.go),
so a line that died is known to it after 40 seconds at most. Two things it does not know are known
here: a send that nobody acknowledges, and a line that answers pings while it carries nothing else.
Nothing is asked of WhatsApp while there is no doubt.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from botnode.clock import now
from botnode.ports import Heard, Signal, Unheard, WhatsApp
from botnode.recipient import GROUP_SERVER
from botnode.session import Session, SessionMachine
from botnode.side_tasks import SideTasks
from botnode.states import SessionState

log = structlog.get_logger(__name__)

# So long ago at most the last ping was sent of which a missing answer would be known: the longest
# pause between two, the time for an answer, and a second for the way of that news.
PINGED_WITHIN_S = 41.0
NO_ANSWER = "WhatsApp does not answer"
NO_ACKNOWLEDGEMENT = "WhatsApp answers questions, but brings nothing and acknowledges no message"
STUCK = "the library is stuck: it hands on nothing of what WhatsApp brings"


@dataclass(frozen=True, slots=True)
class Doubts:
    """When to doubt a line that is up, in seconds.

    Attributes:
        unacknowledged_s: a send without acknowledgement: WhatsApp is asked something.
        answer_s: how long its answer may take, whatever the doubt was. With the longest time until
            a ping without an answer is known (40 s) and what hanging up takes (5 s), a line is
            begun anew within a minute.
        unserved_s: a send without acknowledgement, and nothing else came since: the line is deaf
            although questions are answered.
        stuck_s: the library is about one and the same stanza, and handed on nothing since: WhatsApp
            answers questions all the same, for their answers pass what is stuck.
        rest_first_s: how long to stay away when the line after a deaf one is deaf too; twice as
            long after each further one, until a message is acknowledged.
        rest_most_s: no longer than this.
    """

    unacknowledged_s: float = 20.0
    answer_s: float = 10.0
    unserved_s: float = 45.0
    stuck_s: float = 60.0
    rest_first_s: float = 15.0
    rest_most_s: float = 300.0


@dataclass(slots=True)
class _Send:
    """A message that the library has in hand."""

    to_group: bool
    begun_at: float
    timer: asyncio.TimerHandle | None = None
    ended: bool = False


class Hearing:
    """What is heard of WhatsApp on one tenant's line.

    Args:
        tell: takes what was found out.
    """

    def __init__(
        self,
        machine: SessionMachine,
        whatsapp: WhatsApp,
        tell: Callable[[Signal], None],
        doubts: Doubts,
    ) -> None:
        self._machine = machine
        self._whatsapp = whatsapp
        self._tell = tell
        self._doubts = doubts
        self._beside = SideTasks()
        self._answered_at = 0.0
        self._up_at = 0.0
        self._given_up = 0
        machine.observe(self._on_session)

    def _on_session(self, session: Session) -> None:
        if session.state is SessionState.CONNECTED:
            self._up_at = self._machine.entered_at

    # -- when it was heard last

    def last_heard(self) -> datetime | None:
        """When WhatsApp was heard last for sure; None if it has not been yet.

        An answered ping leaves no trace, a ping without an answer does: while there is none, one
        was answered within `PINGED_WITHIN_S`.
        """
        heard_at = max(self._answered_at, self._whatsapp.heard_at())
        pinged_at = self._asked_until() - PINGED_WITHIN_S
        if pinged_at > self._up_at:
            heard_at = max(heard_at, pinged_at)
        if not heard_at:
            return None
        return now() - timedelta(seconds=time.monotonic() - heard_at)

    def _asked_until(self) -> float:
        """Until when pings were answered, as far as is known."""
        match self._machine.state:
            case SessionState.CONNECTED:
                return time.monotonic()
            case SessionState.DEAF:
                return self._machine.entered_at
            case _:
                return 0.0

    # -- doubts

    def doubt(self, why: str, still_s: float = 0.0) -> None:
        """Ask WhatsApp something; `Heard` or `Unheard` is told, unless the session moves before.

        Args:
            why: what makes the line doubtful, in words.
            still_s: for how long the library has been about one stanza, in seconds.
        """
        if self._is_stuck(still_s):
            self._give_up(STUCK)
        else:
            self._beside.spawn(self._ask(why))

    def _is_stuck(self, still_s: float) -> bool:
        """Whether nothing will come any more; it may be us who wait, for the disk."""
        stuck_s = self._doubts.stuck_s
        return (
            still_s >= stuck_s
            and time.monotonic() - self._whatsapp.heard_at() >= stuck_s
            and not self._machine.current.storage_full
        )

    async def _ask(self, why: str) -> bool:
        entered_at = self._machine.entered_at
        log.info("line_doubted", why=why, state=self._machine.state)
        answered = await self._whatsapp.answers(self._doubts.answer_s)
        if answered:
            self._answered_at = time.monotonic()
        if self._machine.entered_at == entered_at:
            self._tell(Heard() if answered else Unheard(f"{NO_ANSWER}: {why}"))
        return answered

    @contextlib.contextmanager
    def sending(self, recipient_jid: str) -> Iterator[None]:
        """Around a send: no acknowledgement makes the line doubtful."""
        send = _Send(recipient_jid.endswith(GROUP_SERVER), time.monotonic())
        self._look_again(send, self._doubts.unacknowledged_s)
        try:
            yield
            self._answered_at = time.monotonic()
            self._given_up = 0
        finally:
            send.ended = True
            if send.timer is not None:
                send.timer.cancel()

    def _look_again(self, send: _Send, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        send.timer = loop.call_later(after_s, lambda: self._beside.spawn(self._examine(send)))

    async def _examine(self, send: _Send) -> None:
        """A send has taken long."""
        doubts = self._doubts
        if self._machine.state is not SessionState.CONNECTED:
            self._look_again(send, doubts.unacknowledged_s)
            return
        entered_at = self._machine.entered_at
        up_since = max(send.begun_at, entered_at)
        if (left_s := up_since + doubts.unacknowledged_s - time.monotonic()) > 0:
            self._look_again(send, left_s)
            return
        answered = await self._ask("a message is not acknowledged")
        if send.ended:
            return
        if self._machine.entered_at != entered_at:  # this is another line, and not in doubt yet
            self._look_again(send, doubts.unacknowledged_s)
            return
        if not answered:
            return
        waited_s = time.monotonic() - up_since
        # To a large group the first message takes long: the devices of all its members.
        if waited_s < doubts.unserved_s or send.to_group or self._brought_since(send):
            after_s = doubts.unserved_s - waited_s
            self._look_again(send, after_s if after_s > 0 else doubts.unacknowledged_s)
        else:
            self._give_up(NO_ACKNOWLEDGEMENT)

    def _give_up(self, why: str) -> None:
        """The line answers questions and is of no use; nor may the next ones be."""
        self._tell(Unheard(why, self._rest_s()))
        self._given_up += 1

    def _rest_s(self) -> float:
        if not self._given_up:
            return 0.0
        doubts = self._doubts
        longest = min(doubts.rest_most_s, doubts.rest_first_s * 2.0 ** min(self._given_up - 1, 16))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, hides nothing

    def _brought_since(self, send: _Send) -> bool:
        return self._whatsapp.heard_at() > send.begun_at
