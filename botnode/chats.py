"""What surrounds messages: read marks, typing, presence. Presence is set anew after a reconnect."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from botmesh.errors import MeshError, Reason, invalid
from botmesh.v1 import chat_pb2
from botnode import whatsapp_chats
from botnode.chat_requests import ReadMark
from botnode.questions import ANSWER_S, Questions
from botnode.session import Session, SessionMachine
from botnode.states import REASON_OF, SessionState

log = structlog.get_logger(__name__)

MOST_WATCHED = 1000
# How long it may take after a reconnect until all is set anew.
RENEW_S = 300.0
# The session cannot ask any more: the next ones would fail alike.
_LINE_DOWN = frozenset({*REASON_OF.values(), Reason.STORAGE_FULL})


class Chats:
    """One tenant's read marks, typing and presence.

    What is set lives as long as the process, and as long as the account is linked.
    """

    def __init__(self, questions: Questions, machine: SessionMachine) -> None:
        self._questions = questions
        self._machine = machine
        self._available = False
        self._watched: dict[str, None] = {}
        self._changed = asyncio.Event()
        self._online = False
        machine.observe(self._on_session)

    async def mark_read(self, mark: ReadMark, timeout_s: float) -> None:
        """Mark messages as read or played."""
        await self._ask(
            lambda client: whatsapp_chats.mark_read(
                client, mark.whatsapp_ids, mark.chat_jid, mark.sender_jid, played=mark.played
            ),
            timeout_s,
        )

    async def set_typing(self, jid: str, state: chat_pb2.TypingState, timeout_s: float) -> None:
        """Show that the account types, records, or ceased to."""
        await self._ask(lambda client: whatsapp_chats.set_typing(client, jid, state), timeout_s)

    async def set_presence(self, *, available: bool, timeout_s: float) -> None:
        """Show the account as online or offline, now and after each reconnect.

        Raises:
            MeshError: PUSH_NAME_MISSING and those of `Questions.ask`.
        """
        await self._ask(partial(whatsapp_chats.set_presence, available=available), timeout_s)
        self._available = available

    async def subscribe_presence(self, jid: str, timeout_s: float) -> None:
        """Ask to hear of a person's presence, now and after each reconnect.

        Raises:
            MeshError: INVALID_REQUEST when there are too many, and those of `Questions.ask`.
        """
        if jid not in self._watched and len(self._watched) >= MOST_WATCHED:
            raise invalid("jid", f"is one more than the {MOST_WATCHED} that can be followed")
        await self._ask(lambda client: whatsapp_chats.subscribe_presence(client, jid), timeout_s)
        self._watched[jid] = None

    async def run(self) -> None:
        """Set presence anew after each reconnect; never returns."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._online:
                await self._renew()

    async def _renew(self) -> None:
        """Set presence and ask for each person's anew, past those whom WhatsApp refuses.

        Ends early when the line is down, is a new one, or the time is over.
        """
        until = time.monotonic() + RENEW_S
        questions: deque[Callable[[Any], None]] = deque()
        if self._available:
            questions.append(partial(whatsapp_chats.set_presence, available=True))
        questions += [partial(whatsapp_chats.subscribe_presence, jid=jid) for jid in self._watched]
        failed = 0
        while questions and (left_s := until - time.monotonic()) > 0 and not self._changed.is_set():
            try:
                await self._questions.ask(questions[0], timeout_s=min(ANSWER_S, left_s))
            except MeshError as error:
                if error.reason in _LINE_DOWN:
                    # A line that hears again without a reconnect counts as one, too.
                    self._online = self._machine.state is SessionState.CONNECTED
                    break
                if error.reason is Reason.RATE_LIMITED and error.retry_after is not None:
                    await self._pause(min(error.retry_after.total_seconds(), left_s))
                    continue
                failed += 1
                log.warning("presence_not_renewed", reason=error.reason.value)
            questions.popleft()
        if failed or questions:
            log.warning("presence_renewed_in_part", failed=failed, left=len(questions))

    async def _pause(self, pause_s: float) -> None:
        """Wait, but no longer than until the line is a new one."""
        try:
            async with asyncio.timeout(pause_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _ask(self, question: Callable[[Any], None], timeout_s: float) -> None:
        await self._questions.ask(question, timeout_s=timeout_s)

    def _on_session(self, session: Session) -> None:
        online = session.state is SessionState.CONNECTED
        if session.state in (SessionState.LOGGED_OUT, SessionState.UNPAIRED):
            self._available = False
            self._watched.clear()
        if online and not self._online:
            self._changed.set()
        if session.state is not SessionState.DEAF:  # the line is the same when it hears again
            self._online = online
