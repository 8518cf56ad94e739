"""Addresses on WhatsApp: a user on a server, with a device number."""

from __future__ import annotations

from typing import NamedTuple

PHONE_SERVER = "s.whatsapp.net"
LID_SERVER = "lid"
CONTACT_SERVER = "c.us"
GROUP_SERVER = "g.us"


class Jid(NamedTuple):
    """A user (or nobody: the server itself) on a server; device 0 is the user's phone."""

    user: str
    server: str
    device: int = 0

    @property
    def bare(self) -> Jid:
        """The user without a device."""
        return self if self.device == 0 else Jid(self.user, self.server)

    @property
    def wide(self) -> str:
        """The form that participant list hashes are made of: ``user.agent:device@server``."""
        return f"{self.user}.0:{self.device}@{self.server}"

    def __str__(self) -> str:
        device = f":{self.device}" if self.device else ""
        return f"{self.user}{device}@{self.server}" if self.user else self.server


SERVER = Jid("", PHONE_SERVER)


def parse(text: str) -> Jid:
    """Read ``user[.agent][:device]@server``; raises ValueError for anything else."""
    user, at, server = text.partition("@")
    if not at or not server:
        raise ValueError(f"{text!r} is not a JID")
    user, _, device = user.partition(":")
    return Jid(user.partition(".")[0], server, int(device or 0))
