"""``botmesh sandbox ...``: what phones' owners do beside writing, and what their phones show."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from botmesh.cli import connection, output
from botmesh.cli.sandbox_line import Phone, dial
from botmesh.sandbox import v1 as sandbox


class Typing(StrEnum):
    """What somebody does in a chat, as people type it."""

    COMPOSING = "COMPOSING"
    RECORDING = "RECORDING"
    PAUSED = "PAUSED"


class Presence(StrEnum):
    """Whether somebody has WhatsApp open, as people type it."""

    AVAILABLE = "AVAILABLE"
    UNAVAILABLE = "UNAVAILABLE"


def add_to(app: typer.Typer) -> None:
    """Let the sandbox's commands have these."""
    for command in (presence, typing, profile, privacy, block, seen):
        app.command()(command)


def presence(
    context: typer.Context,
    phone: Phone,
    state: Annotated[Presence, typer.Argument(case_sensitive=False, help="What it is now.")],
) -> None:
    """Have a phone's owner open WhatsApp or leave it."""
    request = sandbox.SetPresenceRequest(phone=phone, presence=f"PRESENCE_{state}")
    with _stub(context) as people:
        answer = people.SetPresence(request, timeout=connection.timeout_s())
    output.done(answer, f"{phone} is {state}")


def typing(
    context: typer.Context,
    phone: Phone,
    chat: Annotated[str, typer.Argument(help="The number, or the group.")],
    state: Annotated[
        Typing, typer.Argument(metavar="[STATE]", case_sensitive=False, help="What they do.")
    ] = Typing.COMPOSING,
) -> None:
    """Have a phone's owner type, record or stop in a chat."""
    request = sandbox.SetTypingRequest(phone=phone, chat=chat, typing=f"TYPING_{state}")
    with _stub(context) as people:
        answer = people.SetTyping(request, timeout=connection.timeout_s())
    output.done(answer, f"{phone}: {state} in {chat}")


def profile(
    context: typer.Context,
    phone: Phone,
    about: Annotated[str | None, typer.Option(help="What they say about themselves.")] = None,
    picture: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Their picture, a JPEG file.")
    ] = None,
    no_picture: Annotated[bool, typer.Option("--no-picture", help="Take it away.")] = False,
    verified_name: Annotated[
        str | None, typer.Option(help="The name that WhatsApp verified for a business.")
    ] = None,
) -> None:
    """Show what others see of a phone's owner, or change it."""
    image = picture.read_bytes() if picture else b"" if no_picture else None
    request = sandbox.SetProfileRequest(
        phone=phone, about=about, picture=image, verified_name=verified_name
    )
    with _stub(context) as people:
        _show(people.SetProfile(request, timeout=connection.timeout_s()).person)


def privacy(
    context: typer.Context,
    phone: Phone,
    last_seen: Annotated[bool | None, typer.Option(help="Others see when it was online.")] = None,
    picture: Annotated[bool | None, typer.Option(help="Others see the picture.")] = None,
    about: Annotated[bool | None, typer.Option(help="Others see the about.")] = None,
    read_receipts: Annotated[bool | None, typer.Option(help="Others see blue ticks.")] = None,
    groups: Annotated[bool | None, typer.Option(help="Others add it to groups.")] = None,
) -> None:
    """Set who sees what of a phone's owner."""
    request = sandbox.SetPrivacyRequest(
        phone=phone,
        last_seen=last_seen,
        picture=picture,
        about=about,
        read_receipts=read_receipts,
        groups=groups,
    )
    with _stub(context) as people:
        answer = people.SetPrivacy(request, timeout=connection.timeout_s())
    output.done(answer, f"{phone} has these settings now")


def block(
    context: typer.Context,
    phone: Phone,
    contact: Annotated[str, typer.Argument(help="The other's number.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take the block back.")] = False,
) -> None:
    """Have a phone's owner block another phone."""
    request = sandbox.SetBlockedRequest(phone=phone, contact=contact, blocked=not undo)
    with _stub(context) as people:
        _show(people.SetBlocked(request, timeout=connection.timeout_s()).person)


def seen(context: typer.Context, phone: Phone) -> None:
    """Show what a phone has seen of others: presence, typing, blue ticks."""
    with _stub(context) as people:
        request = sandbox.ListSightingsRequest(phone=phone)
        found = people.ListSightings(request, timeout=connection.timeout_s()).sightings
    for sighting in found:
        if output.is_json():
            output.emit(output.as_dict(sighting))
        else:
            output.say(_line(sighting))


@contextmanager
def _stub(context: typer.Context) -> Iterator[sandbox.PeopleServiceStub]:
    with dial(context) as channel:
        yield sandbox.PeopleServiceStub(channel)


def _show(person: sandbox.Person) -> None:
    output.show(
        person,
        [
            ("phone", person.phone),
            ("presence", output.enum_word(sandbox.Presence.Name(person.presence), "PRESENCE_")),
            ("about", person.about),
            ("picture id", person.picture_id),
            ("verified name", person.verified_name),
            ("blocks", ", ".join(person.blocked)),
        ],
    )


def _line(sighting: sandbox.Sighting) -> str:
    kind = output.enum_word(sandbox.SightingKind.Name(sighting.kind), "SIGHTING_KIND_")
    what = (
        output.enum_word(sandbox.Presence.Name(sighting.presence), "PRESENCE_")
        or output.enum_word(sandbox.Typing.Name(sighting.typing), "TYPING_")
        or sighting.message_id
    )
    when = time.strftime("%H:%M:%S", time.localtime(sighting.time.ToSeconds()))
    where = f" in {sighting.chat}" if "@" in sighting.chat else ""
    return f"{when}  {kind} {what} by {sighting.who}{where}"
