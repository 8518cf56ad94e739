"""People whom the account can reach: who is there, what they show, whom it blocks."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from botmesh.errors import MeshError, Reason
from botnode import number_checks, whatsapp_contacts
from botnode.clock import now_ms
from botnode.number_checks import NumberCheck
from botnode.questions import Questions
from botnode.session import SessionMachine
from botnode.session_errors import session_error
from botnode.store import Store
from botnode.whatsapp_contacts import OnWhatsApp, Profile

T = TypeVar("T")


class Contacts:
    """One tenant's questions about people."""

    def __init__(self, questions: Questions, store: Store, machine: SessionMachine) -> None:
        self._questions = questions
        self._store = store
        self._machine = machine

    async def check(self, numbers: Sequence[str], timeout_s: float) -> list[NumberCheck]:
        """Whether numbers (E.164) are on WhatsApp, in their order.

        Raises:
            MeshError: a session error without an account; else those of `Questions.ask`, unless
                all is remembered.
        """
        session = self._machine.current
        if session.account is None:
            raise session_error(session)
        account = session.account.phone_number
        wanted = list(dict.fromkeys(numbers))
        known = await self._store.read(lambda c: number_checks.remembered(c, account, wanted))
        if unknown := [number for number in wanted if number not in known]:
            answers = await self._ask(
                partial(whatsapp_contacts.check_numbers, numbers=unknown), timeout_s
            )
            now = now_ms()
            fresh = [_check(number, answer, now) for number, answer in answers.items()]
            await self._store.write(lambda tx: number_checks.remember(tx, account, fresh))
            known |= {check.phone_number: check for check in fresh}
        return [known[number] for number in numbers]

    async def profile(self, jid: str, timeout_s: float) -> Profile:
        """What is known of a person.

        Raises:
            MeshError: RECIPIENT_NOT_ON_WHATSAPP and those of `Questions.ask`.
        """
        number = whatsapp_contacts.number_in(jid)
        if number:
            (check,) = await self.check([number], timeout_s)
            if not check.on_whatsapp:
                raise _nobody()
            jid = check.jid or jid
        found = await self._ask(partial(whatsapp_contacts.profile, jid=jid), timeout_s)
        if found is None:
            raise _nobody()
        return found

    async def picture(self, jid: str, *, preview: bool, timeout_s: float) -> tuple[str, str]:
        """The id of a picture and where it can be fetched.

        Raises:
            MeshError: PICTURE_NOT_FOUND and those of `Questions.ask`.
        """
        question = partial(whatsapp_contacts.picture, jid=jid, preview=preview)
        picture_id, url = await self._ask(question, timeout_s)
        if not url:
            raise MeshError(Reason.PICTURE_NOT_FOUND, "WhatsApp tells of no picture")
        return picture_id, url

    async def blocked(self, timeout_s: float) -> list[str]:
        """The JIDs of those whom the account blocks."""
        return await self._ask(whatsapp_contacts.blocked, timeout_s)

    async def block(self, jid: str, *, block: bool, timeout_s: float) -> None:
        """Block a person, or take it back."""
        await self._ask(partial(whatsapp_contacts.block, jid=jid, block=block), timeout_s)

    async def _ask(self, question: Callable[[Any], T], timeout_s: float) -> T:
        return await self._questions.ask(question, timeout_s=timeout_s)


def _check(number: str, answer: OnWhatsApp | None, now: int) -> NumberCheck:
    if answer is None:
        return NumberCheck(number, False, "", "", "", now)
    return NumberCheck(number, True, answer.jid, answer.lid, answer.verified_name, now)


def _nobody() -> MeshError:
    return MeshError(
        Reason.RECIPIENT_NOT_ON_WHATSAPP, "WhatsApp knows no account of that number or JID"
    )
