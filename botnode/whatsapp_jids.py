"""JIDs as the library takes and gives them."""

import importlib
from typing import Any

from botnode import whatsapp_events


def of_text(text: str) -> Any:
    """A JID of neonize's; an empty text is nobody's."""
    user, _, server = text.partition("@")
    jid = importlib.import_module("neonize.proto.Neonize_pb2").JID
    return jid(User=user, RawAgent=0, Device=0, Integrator=0, Server=server, IsEmpty=not text)


def to_text(jid: Any) -> str:
    """A JID as text without its device; empty for nobody's."""
    return whatsapp_events.person(jid) if jid.User else ""


def number_of(client: Any, jid: str) -> str:
    """The JID by number of a person whose LID the library's store knows; empty for others."""
    if not jid.endswith(f"@{whatsapp_events.LID_SERVER}"):
        return jid
    return to_text(client.get_pn_from_lid(of_text(jid)))


def lid_of(client: Any, jid: str) -> str:
    """The LID of a person whose number the library's store knows one for; else empty."""
    if jid.endswith(f"@{whatsapp_events.LID_SERVER}"):
        return jid
    return to_text(client.get_lid_from_pn(of_text(jid)))
