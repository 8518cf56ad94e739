"""What ``botmesh send`` sends, as its options say it.

TEXT is the text of a message, or what words there are in another kind of content: the name of a
place or contact, the question of a poll, the emoji of a reaction, the new text of an edit, the
caption of a file.
"""

import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from botmesh.cli import send_media
from botmesh.v1 import (
    ContactCard,
    ContactsContent,
    EditContent,
    LinkPreview,
    LocationContent,
    MessageContent,
    MessageReference,
    PollContent,
    ReactionContent,
    RevokeContent,
    TextContent,
)

ReplyTo = Annotated[
    str,
    typer.Option(metavar="ID", help="Reply to this message: botmesh's id, or WhatsApp's."),
]
Sender = Annotated[
    str,
    typer.Option(
        metavar="JID",
        help="Who wrote the message with that WhatsApp id, as its event tells; needed in groups.",
    ),
]
Mention = Annotated[
    list[str] | None,
    typer.Option(metavar="NUMBER", help="Mention a number or JID; may be given several times."),
]
Forwarded = Annotated[bool, typer.Option("--forwarded", help="Mark it as forwarded.")]
Preview = Annotated[
    str,
    typer.Option(
        metavar="TITLE",
        help="Show the text's first link with this title; a description may follow after a '|'.",
    ),
]
Location = Annotated[
    str,
    typer.Option(metavar="LAT,LONG", help="Send a place, e.g. 19.4326,-99.1332; TEXT is its name."),
]
Contact = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NUMBER",
        help="Send a contact card with this number; TEXT is the name. May be given several times.",
    ),
]
PollOption = Annotated[
    list[str] | None,
    typer.Option(
        "--poll",
        metavar="OPTION",
        help="Send a poll with this option; TEXT is the question. Given 2 to 12 times.",
    ),
]
Choices = Annotated[
    int, typer.Option(min=0, help="How many options of the poll one may choose; 0 for any number.")
]
React = Annotated[
    str,
    typer.Option(
        metavar="ID", help="React to this message; TEXT is the emoji, none takes it back."
    ),
]
Edit = Annotated[
    str, typer.Option(metavar="ID", help="Edit this message of the tenant's; TEXT is the new text.")
]
Delete = Annotated[str, typer.Option(metavar="ID", help="Delete this message for everyone.")]

_LINK = re.compile(r"https?://\S+")
_WITHOUT_TEXT = frozenset({"react", "delete", "location", *send_media.KINDS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options, each as it was given or empty; ``text`` is None if it was not given."""

    text: str | None = None
    reply_to: str = ""
    sender: str = ""
    mentions: Sequence[str] = ()
    forwarded: bool = False
    preview: str = ""
    location: str = ""
    contact: Sequence[str] = ()
    poll: Sequence[str] = ()
    choices: int = 0
    react: str = ""
    edit: str = ""
    delete: str = ""
    image: Path | None = None
    video: Path | None = None
    audio: Path | None = None
    voice: Path | None = None
    document: Path | None = None
    sticker: Path | None = None
    caption: str = ""

    @property
    def file(self) -> Path | None:
        """The file that goes out."""
        return next((file for kind in send_media.KINDS if (file := getattr(self, kind))), None)


def content(wanted: Wanted) -> MessageContent:
    """The content; raises BadParameter where the options make none."""
    kinds = [option for option in _KINDS if getattr(wanted, option)]
    if len(kinds) > 1:
        names = " and ".join(f"--{option}" for option in kinds)
        raise typer.BadParameter(f"{names} are different messages: give one of them")
    kind = kinds[0] if kinds else "text"
    if wanted.text is None and kind not in _WITHOUT_TEXT:
        raise typer.BadParameter("TEXT is missing", param_hint="TEXT")
    if wanted.choices and kind != "poll":
        raise typer.BadParameter("needs --poll", param_hint="--choices")
    if wanted.caption and (wanted.file is None or wanted.text is not None):
        problem = "is for a file, in place of TEXT"
        raise typer.BadParameter(problem, param_hint="--caption")
    if wanted.preview and kind != "text":
        raise typer.BadParameter("is for a text", param_hint="--preview")
    result = _KINDS.get(kind, _text)(wanted, wanted.text or "")
    if wanted.reply_to:
        result.quoted.original.CopyFrom(_reference(wanted.reply_to, wanted.sender))
    result.mentions.extend(wanted.mentions)
    result.forwarded = wanted.forwarded
    return result


def _text(wanted: Wanted, text: str) -> MessageContent:
    said = TextContent(body=text)
    if wanted.preview:
        link = _LINK.search(text)
        if link is None:
            raise typer.BadParameter("there is no link in the text", param_hint="--preview")
        title, _, description = wanted.preview.partition("|")
        said.link_preview.CopyFrom(
            LinkPreview(url=link[0], title=title.strip(), description=description.strip())
        )
    return MessageContent(text=said)


def _location(wanted: Wanted, text: str) -> MessageContent:
    latitude, _, longitude = wanted.location.partition(",")
    try:
        place = LocationContent(
            degrees_latitude=float(latitude), degrees_longitude=float(longitude), name=text
        )
    except ValueError:
        problem = "must be two numbers such as 19.4326,-99.1332"
        raise typer.BadParameter(problem, param_hint="--location") from None
    return MessageContent(location=place)


def _contact(wanted: Wanted, text: str) -> MessageContent:
    card = ContactCard(display_name=text, phone_numbers=wanted.contact)
    return MessageContent(contacts=ContactsContent(cards=[card]))


def _poll(wanted: Wanted, text: str) -> MessageContent:
    poll = PollContent(name=text, options=wanted.poll, selectable_count=wanted.choices)
    return MessageContent(poll=poll)


def _reaction(wanted: Wanted, text: str) -> MessageContent:
    original = _reference(wanted.react, wanted.sender)
    return MessageContent(reaction=ReactionContent(original=original, emoji=text))


def _edit(wanted: Wanted, text: str) -> MessageContent:
    original = _reference(wanted.edit, "me")
    return MessageContent(edit=EditContent(original=original, body=text))


def _revoke(wanted: Wanted, _: str) -> MessageContent:
    original = _reference(wanted.delete, wanted.sender or "me")
    return MessageContent(revoke=RevokeContent(original=original))


def _file(kind: str, wanted: Wanted, text: str) -> MessageContent:
    assert wanted.file is not None  # noqa: S101 - of this kind
    return send_media.content(kind, wanted.file, wanted.caption or text)


def _reference(message_id: str, sender: str) -> MessageReference:
    """A message by botmesh's id, which is a UUID, or by WhatsApp's; ``me`` is the account."""
    try:
        return MessageReference(message_id=str(uuid.UUID(message_id)))
    except ValueError:
        if sender == "me":
            return MessageReference(whatsapp_id=message_id, from_me=True)
        return MessageReference(whatsapp_id=message_id, sender_jid=sender)


_KINDS: dict[str, Callable[[Wanted, str], MessageContent]] = {
    "location": _location,
    "contact": _contact,
    "poll": _poll,
    "react": _reaction,
    "edit": _edit,
    "delete": _revoke,
    **{kind: partial(_file, kind) for kind in send_media.KINDS},
}
