"""People, as questions to neonize's client."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botnode import whatsapp_jids
from botnode.whatsapp_events import LID_SERVER, USER_SERVER

_NOTHING = "Function returned nothing"


@dataclass(frozen=True, slots=True)
class OnWhatsApp:
    """What WhatsApp says of a number that has an account.

    Attributes:
        jid: by number, as WhatsApp names it; empty if it named only the LID.
    """

    jid: str
    lid: str
    verified_name: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a person shows of themselves, and what the library's store has of them."""

    jid: str
    lid: str
    about: str
    picture_id: str
    push_name: str
    full_name: str
    verified_name: str


def check_numbers(client: Any, numbers: Sequence[str]) -> dict[str, OnWhatsApp | None]:
    """Which numbers (E.164) have an account; None for those that have none."""
    found: dict[str, OnWhatsApp | None] = dict.fromkeys(numbers)
    try:
        answers = client.is_on_whatsapp(*numbers)
    except Exception as error:
        # whatsmeow leaves out whom WhatsApp names no JID for; neonize calls an empty list an error.
        if _NOTHING not in str(error):
            raise
        return found
    for answer in answers:
        number = "+" + answer.Query.partition("@")[0].removeprefix("+")
        if answer.IsIn and number in found:
            found[number] = _account(client, answer)
    return found


def _account(client: Any, answer: Any) -> OnWhatsApp:
    # The answer names the LID alone; the number that goes with it is in the library's store now.
    jid = whatsapp_jids.to_text(answer.JID)
    name = answer.VerifiedName.Details.verifiedName
    return OnWhatsApp(
        whatsapp_jids.number_of(client, jid), whatsapp_jids.lid_of(client, jid), str(name)
    )


def profile(client: Any, jid: str) -> Profile | None:
    """What is known of a person; None if WhatsApp knows no such person."""
    by_number = whatsapp_jids.number_of(client, jid)
    asked = by_number or jid
    answers = client.get_user_info(whatsapp_jids.of_text(asked))
    shown = next((answer.UserInfo for answer in answers if answer.UserInfo.Devices), None)
    if shown is None:
        return None
    lid = whatsapp_jids.lid_of(client, asked)
    known = [
        client.contact.get_contact(whatsapp_jids.of_text(name)) for name in (by_number, lid) if name
    ]

    def first(field: str) -> str:
        return next((str(value) for info in known if (value := getattr(info, field))), "")

    return Profile(
        jid=by_number,
        lid=lid,
        about=str(shown.Status),
        picture_id=str(shown.PictureID),
        push_name=first("PushName"),
        full_name=first("FullName"),
        verified_name=str(shown.VerifiedName.Details.verifiedName) or first("BusinessName"),
    )


def picture(client: Any, jid: str, *, preview: bool) -> tuple[str, str]:
    """The id of a picture and where it can be fetched."""
    parameters = importlib.import_module("neonize.proto.Neonize_pb2").GetProfilePictureParams
    # The library drops them all where one is not set.
    extra = parameters(Preview=preview, ExistingID="", IsCommunity=False)
    found = client.get_profile_picture(whatsapp_jids.of_text(jid), extra=extra)
    return str(found.ID), str(found.URL)


def blocked(client: Any) -> list[str]:
    """The JIDs of those whom the account blocks."""
    return [whatsapp_jids.to_text(jid) for jid in client.get_blocklist().JIDs]


def block(client: Any, jid: str, *, block: bool) -> None:
    """Block a person, or take it back."""
    actions = importlib.import_module("neonize.utils.enum").BlocklistAction
    action = actions.BLOCK if block else actions.UNBLOCK
    client.update_blocklist(whatsapp_jids.of_text(jid), action)


def number_in(jid: str) -> str:
    """The number in a JID, in E.164 form; empty for a LID."""
    user, _, server = jid.partition("@")
    return f"+{user}" if server == USER_SERVER and user.isdigit() else ""


def is_lid(jid: str) -> bool:
    """Whether a JID is a LID."""
    return jid.endswith(f"@{LID_SERVER}")
