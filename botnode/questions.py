"""Questions to WhatsApp on a caller's behalf, while the session is connected."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from botmesh.errors import Reason
from botnode import query_errors
from botnode.ports import QueryError, UnansweredError, WhatsApp
from botnode.session import SessionMachine
from botnode.session_errors import session_error

# The library itself waits for 75 seconds.
ANSWER_S = 20.0

T = TypeVar("T")
_NO_MEANINGS: Mapping[int, Reason] = MappingProxyType({})


class Questions:
    """Puts questions to the library's client."""

    def __init__(self, machine: SessionMachine, whatsapp: WhatsApp) -> None:
        self._machine = machine
        self._whatsapp = whatsapp

    async def ask(
        self,
        question: Callable[[Any], T],
        *,
        timeout_s: float = ANSWER_S,
        meanings: Mapping[int, Reason] = _NO_MEANINGS,
    ) -> T:
        """The answer to a question.

        Args:
            question: gets the library's client.
            timeout_s: how long to wait; the caller's deadline, if that is earlier. Without any time
                nothing is asked.
            meanings: what WhatsApp's status codes mean for this question.

        Raises:
            MeshError: a session error, WHATSAPP_UNANSWERED, RATE_LIMITED, one of `meanings`, or
                WHATSAPP_REFUSED.
        """
        if not self._machine.current.can_send:
            raise session_error(self._machine.current)
        if timeout_s <= 0:
            raise query_errors.unanswered("no time was left to ask")
        try:
            return await self._whatsapp.ask(question, timeout_s)
        except UnansweredError as error:
            raise query_errors.unanswered(str(error)) from None
        except QueryError as error:
            raise query_errors.error_of(str(error), meanings) from None
