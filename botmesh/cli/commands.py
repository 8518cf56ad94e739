"""The sub-commands of ``botmesh``, each loaded when it is asked for.

Together they take half a second to load, which a person who types waits for, and all parts of a
mesh wait for when it is ``botmesh up``.
"""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

# Where they are, in the order in which they are listed.
PLACES = {
    "tenant": "botmesh.cli.tenant:app",
    "chat": "botmesh.cli.chat_marks:app",
    "contact": "botmesh.cli.contact:app",
    "sandbox": "botmesh.cli.sandbox_commands:app",
    "media": "botmesh.cli.media:app",
    "export": "botmesh.cli.export:app",
    "group": "botmesh.cli.group:app",
    "up": "botmesh.cli.up:up",
    "qr": "botmesh.cli.pairing:qr",
    "pair": "botmesh.cli.phone_pairing:pair",
    "logout": "botmesh.cli.pairing:logout",
    "session": "botmesh.cli.pairing:session",
    "send": "botmesh.cli.chat:send",
    "messages": "botmesh.cli.messages:messages",
    "message": "botmesh.cli.messages:message",
    "cancel": "botmesh.cli.messages:cancel",
    "events": "botmesh.cli.events:events",
}


def new_app(**options: Any) -> typer.Typer:
    """A Typer of the command's manner."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        **options,
    )


class Commands(TyperGroup):
    """The sub-commands in their places."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's signature
        """Their names."""
        return list(PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One of them; None, with all of them loaded to propose another, if there is none."""
        for name in [cmd_name] if cmd_name in PLACES else PLACES:
            if name not in self.commands:
                self.commands[name] = _load(name)
        return super().get_command(ctx, cmd_name)


def _load(name: str) -> Any:
    module, _, attribute = PLACES[name].partition(":")
    found = getattr(importlib.import_module(module), attribute)
    holder = new_app()
    holder.callback()(_nothing)  # so that it is a group
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        holder.command(name)(found)
    return typer.main.get_group(holder).commands[name]


def _nothing() -> None:
    pass
