"""What a message says, in a line for people."""

from botmesh.v1 import MessageContent, MessageReference


def content_words(content: MessageContent) -> str:
    """A text as it is; any other kind by its name and what matters of it."""
    kind = content.WhichOneof("kind")
    if kind is None:
        return "(not known here)"
    return content.text.body if kind == "text" else f"({kind}) {_words(content)}"


def _words(content: MessageContent) -> str:
    match content.WhichOneof("kind"):
        case "location":
            place = content.location
            where = f"{place.degrees_latitude},{place.degrees_longitude}"
            return f"{where} {place.name or place.address}".strip()
        case "contacts":
            return ", ".join(card.display_name for card in content.contacts.cards)
        case "poll":
            return f"{content.poll.name}: {' / '.join(content.poll.options)}"
        case "reaction":
            emoji = content.reaction.emoji or "taken back"
            return f"{emoji} to {_which(content.reaction.original)}"
        case "edit":
            return f"of {_which(content.edit.original)}: {content.edit.body}"
    return _which(content.revoke.original)


def _which(original: MessageReference) -> str:
    return original.message_id or original.whatsapp_id
