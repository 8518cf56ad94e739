"""Recipients in one spelling."""

import pytest

from botmesh.errors import MeshError, Reason
from botnode.recipient import canonical_jid


@pytest.mark.parametrize(
    ("to", "jid"),
    [
        ("+5215512345678", "5215512345678@s.whatsapp.net"),
        ("+52 55 1234 5678", "525512345678@s.whatsapp.net"),
        (" +52 (55) 1234-5678 ", "525512345678@s.whatsapp.net"),
        ("+1 (415) 555-0123", "14155550123@s.whatsapp.net"),
        ("+49.151.23456789", "4915123456789@s.whatsapp.net"),
        ("5215512345678@s.whatsapp.net", "5215512345678@s.whatsapp.net"),
        ("5215512345678@S.WhatsApp.Net", "5215512345678@s.whatsapp.net"),
        ("119271086564630@lid", "119271086564630@lid"),
        ("120363041234567890@g.us", "120363041234567890@g.us"),
        ("5215512345678-1599999999@g.us", "5215512345678-1599999999@g.us"),
    ],
)
def test_canonical(to: str, jid: str) -> None:
    assert canonical_jid(to) == jid


@pytest.mark.parametrize(
    "to",
    [
        "",
        "   ",
        "5215512345678",  # no country code for sure without "+"
        "+123",
        "+52",
        "+999123456789",
        "+5215512345678901234",
        "hola",
        "+52 55 ABCD 5678",
        "someone@example.com",
        "@s.whatsapp.net",
        "abc@lid",
        "1-2@lid",
        "5215512345678:3@s.whatsapp.net",
        "status@broadcast",
        "+" + "5" * 100,
        "+5215512345678\n+5215512345679",
    ],
)
def test_refused(to: str) -> None:
    with pytest.raises(MeshError) as refusal:
        canonical_jid(to)
    assert refusal.value.reason is Reason.RECIPIENT_INVALID
    assert [violation.field for violation in refusal.value.violations] == ["to"]
