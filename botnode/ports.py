"""What the botnode needs of a WhatsApp library, in the botnode's own words.

`whatsapp.NeonizeWhatsApp` is the one implementation that talks to WhatsApp; tests of our own logic
use another one. Nothing in here knows neonize.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from botnode.media_ports import ReceivedMedia, Uploaded


@dataclass(frozen=True, slots=True)
class Account:
    """A linked WhatsApp account.

    Attributes:
        jid: with the device number, e.g. ``5215512345678:3@s.whatsapp.net``.
        lid: WhatsApp's hidden id of the person; may be empty.
    """

    jid: str
    lid: str = ""

    @property
    def phone_number(self) -> str:
        """The number in E.164 form."""
        return f"+{self.user}"

    @property
    def user(self) -> str:
        """The digits of the number: what stays the same over two pairings of one account."""
        return self.jid.partition("@")[0].partition(":")[0].partition(".")[0]


@dataclass(frozen=True, slots=True)
class QrCode:
    """A new code to scan."""

    code: str


@dataclass(frozen=True, slots=True)
class PairingEnded:
    """A round of codes ended: ``success``, ``timeout``, or another of the library's words."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Logged in."""

    account: Account | None


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The line was lost; the library tries again by itself."""


@dataclass(frozen=True, slots=True)
class KeepAliveTimeout:
    """The server did not answer a keep-alive."""


@dataclass(frozen=True, slots=True)
class KeepAliveRestored:
    """Keep-alives are answered again."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The library stands still in a way that a dead line would explain.

    Attributes:
        detail: how.
        still_s: for so long already.
    """

    detail: str
    still_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """WhatsApp answered a question that was asked for the sake of the answer."""


@dataclass(frozen=True, slots=True)
class Unheard:
    """The line is open, and WhatsApp does not serve it; the text says how that is known.

    Attributes:
        detail: how.
        rest_s: so long to stay away before the next login.
    """

    detail: str
    rest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """WhatsApp has brought all that had waited while the session was away."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """The phone or WhatsApp unlinked the account."""

    detail: str


@dataclass(frozen=True, slots=True)
class StreamReplaced:
    """Another client logged in with the same keys."""


@dataclass(frozen=True, slots=True)
class TemporaryBan:
    """WhatsApp banned the account for a time; None if it did not say for how long."""

    detail: str
    expires_in: timedelta | None


@dataclass(frozen=True, slots=True)
class ClientOutdated:
    """WhatsApp refuses this version of the library."""


@dataclass(frozen=True, slots=True)
class ConnectFailure:
    """WhatsApp refused the login for another reason; the library does not try again."""

    detail: str


@dataclass(frozen=True, slots=True)
class StoreFailure:
    """The library cannot use its own database."""

    detail: str


@dataclass(frozen=True, slots=True)
class DiskFailure:
    """The library could not write its database, and will again when the disk is well."""

    detail: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The library's connect call returned; with the error in words, if there was one."""

    error: str


Signal = (
    QrCode
    | PairingEnded
    | Connected
    | Disconnected
    | KeepAliveTimeout
    | KeepAliveRestored
    | Doubtful
    | Heard
    | Unheard
    | CaughtUp
    | LoggedOut
    | StreamReplaced
    | TemporaryBan
    | ClientOutdated
    | ConnectFailure
    | StoreFailure
    | DiskFailure
    | Ended
)


class ReceiptKind(StrEnum):
    """What a receipt says about a message that we sent."""

    SENDER = "sender"  # another device of our own account has its copy
    DELIVERED = "delivered"
    READ = "read"
    RETRY = "retry"  # a device of the recipient could not decrypt it


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt for one or more messages.

    Attributes:
        other_jid: the sender's other address, where WhatsApp tells it.
    """

    kind: ReceiptKind
    whatsapp_ids: tuple[str, ...]
    chat_jid: str
    sender_jid: str
    time: datetime
    other_jid: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that reached the account, or that its own phone sent.

    Attributes:
        sender_number: E.164, where WhatsApp tells it, else empty.
        kind: of content, in the protocol's own words.
        content: a serialised MessageContent of the contract; None for a kind that is not decoded.
        ephemeral: it disappears.
        ephemeral_expiration: how long after it was sent, where that is known.
        secret: what later messages about it are encrypted with; may be empty.
        media: what is to be fetched; the content names it.
    """

    whatsapp_id: str
    chat_jid: str
    sender_jid: str
    sender_number: str
    push_name: str
    from_me: bool
    group: bool
    time: datetime
    kind: str
    content: bytes | None
    view_once: bool = False
    ephemeral: bool = False
    ephemeral_expiration: timedelta | None = None
    secret: bytes = b""
    media: ReceivedMedia | None = None


@dataclass(frozen=True, slots=True)
class MessageKey:
    """What WhatsApp tells messages apart by."""

    chat_jid: str
    sender_jid: str
    whatsapp_id: str


@dataclass(frozen=True, slots=True)
class Original:
    """A message that others may be about, as far as it is known here.

    Attributes:
        secret: what those are encrypted with.
        sender_jid: who wrote it; empty for the own account.
        content: a serialised MessageContent of the contract; may be empty.
    """

    secret: bytes
    sender_jid: str
    content: bytes


class Inbox(Protocol):
    """Takes what WhatsApp brings. Called on the library's thread; returns once it is on disk."""

    def message(self, message: ReceivedMessage) -> None:
        """Keep a message."""

    def receipt(self, receipt: Receipt) -> None:
        """Keep a receipt."""

    def notice(self, kind: str, event: bytes, about: MessageKey | None = None) -> None:
        """Keep another event, as the event log has it.

        Args:
            kind: of event: the field of the contract's Event that it sets.
            event: a serialised Event of the contract.
            about: a message that is not here yet: it is told once, and not if it has come.
        """

    def originals(self, whatsapp_id: str) -> Sequence[Original]:
        """The messages with an id that have a secret; of several people, they may be several."""

    def untraceable(self) -> None:
        """Keep that the library's store has no record of the message that is being sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """WhatsApp's server acknowledged a message.

    Attributes:
        unreached: the devices that it could not be encrypted for: they did not get it.
    """

    whatsapp_id: str
    time: datetime
    unreached: tuple[str, ...] = ()


class SendError(Exception):
    """The library's send call failed; the text is the library's own.

    Attributes:
        line_lost: the library had to log in anew during the call.
    """

    def __init__(self, text: str, *, line_lost: bool = False) -> None:
        super().__init__(text)
        self.line_lost = line_lost


class QueryError(Exception):
    """The library could not be asked, or answered with an error; the text is the library's own."""


class UnansweredError(Exception):
    """The library gave no answer in time, and may still be about it."""


class PairingCodeError(Exception):
    """The library got no code for a phone number; the text is the library's own."""


SignalSink = Callable[[Signal], None]
T = TypeVar("T")


class WhatsApp(Protocol):
    """One tenant's WhatsApp library, at most one client of it at a time."""

    def open(self, sink: SignalSink) -> None:
        """Make a new client and let it connect; its signals go to ``sink`` on the event loop."""

    async def hang_up(self, patience_s: float) -> None:
        """Leave WhatsApp; what it brought before goes on to the inbox.

        Args:
            patience_s: how long calls in hand may take to end; then they are cut.
        """

    async def close(self) -> None:
        """Stop the client. Returns even where the library's own thread does not.

        What WhatsApp brought goes on to the inbox first, if that does not take long.
        """

    async def account(self) -> Account | None:
        """The account that the client's store holds now."""

    async def pair_phone(self, number: str) -> str:
        """Get a code that links the account of a number (E.164), once the first QR code is there.

        It takes the place of the one before, and works until the client's QR codes run out.

        Raises:
            PairingCodeError: with the library's text.
        """

    async def ask(self, question: Callable[[Any], T], timeout_s: float) -> T:
        """Let a question be put to the library's client, on a thread of its own.

        Args:
            question: gets the library's client; only adapters beside this one know what that is.
            timeout_s: how long to wait for its answer.

        Raises:
            QueryError: no client is connected, or the library's call failed.
            UnansweredError: the time is over; the call goes on by itself.
        """

    async def answers(self, timeout_s: float) -> bool:
        """Whether WhatsApp answers a question in time. Nobody else notices it."""

    def heard_at(self) -> float:
        """When WhatsApp last brought something, in monotonic time; 0 for never."""

    async def log_out(self) -> None:
        """Unlink the account at WhatsApp and delete its keys.

        Raises:
            SendError: WhatsApp could not be told.
        """

    def send(
        self, recipient_jid: str, content: bytes, secret: bytes, media: Uploaded | None = None
    ) -> Sent:
        """Send a content; blocks, up to 75 seconds when no acknowledgement comes.

        Args:
            recipient_jid: a person or a group.
            content: a serialised MessageContent of the contract.
            secret: 32 bytes that the library stores with WhatsApp's id before the message leaves.
            media: where the content's media lies at WhatsApp.

        Raises:
            SendError: with the library's text.
        """
