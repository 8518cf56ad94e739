"""Numbers as the library's client is asked about them."""

from types import SimpleNamespace
from typing import Any

import pytest

from botnode import whatsapp_jids
from botnode.whatsapp_contacts import OnWhatsApp, check_numbers

ANA, LUIS = "+525512345678", "+525587654321"
NAME = SimpleNamespace(Details=SimpleNamespace(verifiedName=""))


def jid(user: str, server: str) -> Any:
    return SimpleNamespace(User=user, Server=server, Device=0)


class Client:
    """What neonize's client does with numbers."""

    def __init__(self, *answers: Any, error: str = "") -> None:
        self.answers = answers
        self.error = error

    def is_on_whatsapp(self, *_: str) -> Any:
        if self.error:
            raise RuntimeError(self.error)
        return self.answers

    def get_lid_from_pn(self, _: Any) -> Any:
        return jid("", "")


@pytest.fixture(autouse=True)
def _no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whatsapp_jids, "of_text", lambda text: text)


def test_an_answer_is_found_by_its_question_and_one_that_is_missing_is_a_no() -> None:
    # Asked by the new number, WhatsApp names the old one: with the 1 that Mexico gave up.
    there = SimpleNamespace(
        Query=f"{ANA}@c.us",
        IsIn=True,
        JID=jid("5215512345678", "s.whatsapp.net"),
        VerifiedName=NAME,
    )
    assert check_numbers(Client(there), [LUIS, ANA]) == {
        LUIS: None,
        ANA: OnWhatsApp("5215512345678@s.whatsapp.net", "", ""),
    }


def test_no_answer_at_all_is_a_no() -> None:
    client = Client(error="Function returned nothing.")
    assert check_numbers(client, [LUIS]) == {LUIS: None}
    with pytest.raises(RuntimeError, match="status 429"):
        check_numbers(Client(error="info query returned status 429"), [LUIS])
