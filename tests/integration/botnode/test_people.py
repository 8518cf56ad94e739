"""ChatService and ContactService: what is refused, remembered and set anew."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from botmesh.errors import MeshError, Reason
from botmesh.v1 import chat_pb2, chat_pb2_grpc, contact_pb2, contact_pb2_grpc
from botnode import chats, number_checks, whatsapp_chats, whatsapp_contacts
from botnode.chats import MOST_WATCHED
from botnode.ports import Account, Connected, Disconnected, LoggedOut
from botnode.states import SessionState
from botnode.whatsapp_contacts import OnWhatsApp
from tests.integration.botnode.conftest import Node, error_of, eventually, typed_errors
from tests.integration.botnode.fake_whatsapp import ACCOUNT

ANA, LUIS = "+525512345678", "+525587654321"
GROUP = "120363000000000001@g.us"


async def call(node: Node, method: str, request: Any) -> Any:
    """Call a method of either service."""
    of_chats = chat_pb2_grpc.ChatServiceStub(node.channel)
    of_contacts = contact_pb2_grpc.ContactServiceStub(node.channel)
    request.tenant_id = node.identity.tenant_id
    with typed_errors():
        stub = getattr(of_chats, method, None) or getattr(of_contacts, method)
        return await stub(request, metadata=node.metadata, timeout=5)


READ = chat_pb2.MarkReadRequest
TYPING = chat_pb2.SetTypingRequest
PRESENCE = chat_pb2.SetPresenceRequest
SUBSCRIBE = chat_pb2.SubscribePresenceRequest
WRONG: list[tuple[str, Any, str]] = [
    ("MarkRead", READ(chat_jid=ANA), "whatsapp_ids"),
    ("MarkRead", READ(chat_jid=ANA, whatsapp_ids=["3EB0"] * 257), "whatsapp_ids"),
    ("MarkRead", READ(chat_jid=ANA, whatsapp_ids=["3EB0", "two words"]), "whatsapp_ids[1]"),
    ("MarkRead", READ(chat_jid="", whatsapp_ids=["3EB0"]), "chat_jid"),
    ("MarkRead", READ(chat_jid=GROUP, whatsapp_ids=["3EB0"]), "sender_jid"),
    ("MarkRead", READ(chat_jid=GROUP, whatsapp_ids=["3EB0"], sender_jid=GROUP), "sender_jid"),
    ("SetTyping", TYPING(to=ANA), "state"),
    ("SetTyping", TYPING(to=ANA, state=9), "state"),  # type: ignore[arg-type] - a newer caller's
    ("SetTyping", TYPING(to="ana", state=1), "to"),  # type: ignore[arg-type] - short for TYPING
    ("SetPresence", PRESENCE(), "state"),
    ("SubscribePresence", SUBSCRIBE(jid=GROUP), "jid"),
    ("CheckNumbers", contact_pb2.CheckNumbersRequest(), "phone_numbers"),
    ("CheckNumbers", contact_pb2.CheckNumbersRequest(phone_numbers=[ANA] * 201), "phone_numbers"),
    ("CheckNumbers", contact_pb2.CheckNumbersRequest(phone_numbers=[ANA, "1"]), "phone_numbers[1]"),
    ("GetContact", contact_pb2.GetContactRequest(jid=GROUP), "jid"),
    ("GetProfilePicture", contact_pb2.GetProfilePictureRequest(jid="?"), "jid"),
    ("BlockContact", contact_pb2.BlockContactRequest(), "jid"),
    ("UnblockContact", contact_pb2.UnblockContactRequest(jid="a@b"), "jid"),
]


@pytest.mark.parametrize(("method", "request_", "field"), WRONG)
async def test_bad_input_names_its_field(
    node: Node, method: str, request_: Any, field: str
) -> None:
    error = await error_of(call(node, method, request_))
    assert error.reason in (Reason.INVALID_REQUEST, Reason.RECIPIENT_INVALID)
    assert [violation.field for violation in error.violations] == [field]


async def test_a_line_that_is_down_is_an_error_of_its_own(node: Node) -> None:
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    for method, request in (
        ("SetPresence", PRESENCE(state=chat_pb2.PRESENCE_STATE_AVAILABLE)),
        ("ListBlockedContacts", contact_pb2.ListBlockedContactsRequest()),
    ):
        error = await error_of(call(node, method, request))
        assert error.reason is Reason.SESSION_DISCONNECTED


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What WhatsApp was asked about numbers; Ana is there, nobody else."""
    questions: list[list[str]] = []

    def check(_client: Any, numbers: list[str]) -> dict[str, OnWhatsApp | None]:
        questions.append(list(numbers))
        there = OnWhatsApp(f"{ANA[1:]}@s.whatsapp.net", "1@lid", "")
        return {number: there if number == ANA else None for number in numbers}

    monkeypatch.setattr(whatsapp_contacts, "check_numbers", check)
    return questions


async def test_numbers_are_remembered_for_as_long_as_is_promised(
    node: Node, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = contact_pb2.CheckNumbersRequest(phone_numbers=[LUIS, "+52 55 1234-5678", LUIS])
    first = await call(node, "CheckNumbers", request)
    assert [check.on_whatsapp for check in first.results] == [False, True, False]
    assert await call(node, "CheckNumbers", request) == first
    assert asked == [[LUIS, ANA]]
    now = number_checks.now_ms()
    monkeypatch.setattr(number_checks, "now_ms", lambda: now + number_checks.KEEP_ABSENT_MS + 1000)
    await call(node, "CheckNumbers", request)
    assert asked[1:] == [[LUIS]]
    monkeypatch.setattr(number_checks, "now_ms", lambda: now + number_checks.KEEP_MS + 1000)
    await call(node, "CheckNumbers", request)
    assert asked[2:] == [[LUIS, ANA]]


async def test_a_remembered_answer_needs_no_line(node: Node, asked: list[list[str]]) -> None:
    request = contact_pb2.CheckNumbersRequest(phone_numbers=[ANA])
    first = await call(node, "CheckNumbers", request)
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    assert await call(node, "CheckNumbers", request) == first
    request.phone_numbers.append(LUIS)
    error = await error_of(call(node, "CheckNumbers", request))
    assert error.reason is Reason.SESSION_DISCONNECTED


async def test_what_was_said_to_one_account_is_not_told_to_another(
    node: Node, asked: list[list[str]]
) -> None:
    numbers = contact_pb2.CheckNumbersRequest(phone_numbers=[ANA])
    await call(node, "CheckNumbers", numbers)
    node.whatsapp.stored = None
    node.whatsapp.say(LoggedOut("unlinked"))
    await node.until(SessionState.LOGGED_OUT)
    for method, request in (
        ("CheckNumbers", numbers),
        ("GetContact", contact_pb2.GetContactRequest(jid=ANA)),
    ):
        error = await error_of(call(node, method, request))
        assert error.reason is Reason.SESSION_LOGGED_OUT
    other = Account("5215587654321:1@s.whatsapp.net")
    node.machine.current = replace(
        node.machine.current, state=SessionState.CONNECTED, account=other
    )
    await call(node, "CheckNumbers", numbers)
    await call(node, "CheckNumbers", numbers)
    assert asked == [[ANA], [ANA]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What WhatsApp was told about presence."""
    words: list[str] = []

    def subscribe(_client: Any, jid: str) -> None:
        words.append(jid)

    def show(_client: Any, *, available: bool) -> None:
        words.append("available" if available else "unavailable")

    monkeypatch.setattr(whatsapp_chats, "subscribe_presence", subscribe)
    monkeypatch.setattr(whatsapp_chats, "set_presence", show)
    return words


async def test_presence_is_set_anew_after_a_reconnect_and_no_more_after_a_log_out(
    node: Node, said: list[str]
) -> None:
    await call(node, "SubscribePresence", SUBSCRIBE(jid="5@lid"))
    await call(node, "SetPresence", PRESENCE(state=chat_pb2.PRESENCE_STATE_AVAILABLE))
    said.clear()
    node.whatsapp.say(Disconnected())
    node.whatsapp.say(Connected(ACCOUNT))
    await eventually(lambda: said == ["available", "5@lid"])
    said.clear()
    node.whatsapp.stored = None
    node.whatsapp.say(LoggedOut("unlinked"))
    await node.until(SessionState.LOGGED_OUT)
    assert node.tenant.chats._watched == {}
    assert said == []


async def refusing(
    node: Node, monkeypatch: pytest.MonkeyPatch, refusals: dict[str, list[MeshError]]
) -> list[str]:
    """Who is subscribed to after a reconnect, when some are refused so often."""
    words: list[str] = []

    def subscribe(_client: Any, jid: str) -> None:
        words.append(jid)
        if refusals.get(jid):
            raise refusals[jid].pop(0)

    async def put(question: Callable[[Any], Any], **_: float) -> None:
        question(None)

    monkeypatch.setattr(whatsapp_chats, "subscribe_presence", subscribe)
    monkeypatch.setattr(node.tenant.questions, "ask", put)
    node.tenant.chats._watched = dict.fromkeys(["1@lid", "2@lid", "3@lid"])
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    node.whatsapp.say(Connected(ACCOUNT))
    return words


@pytest.mark.parametrize("reason", [Reason.WHATSAPP_REFUSED, Reason.WHATSAPP_UNANSWERED])
async def test_one_person_who_is_refused_does_not_end_the_renewal(
    node: Node, monkeypatch: pytest.MonkeyPatch, reason: Reason
) -> None:
    words = await refusing(node, monkeypatch, {"2@lid": [MeshError(reason, "no")]})
    await eventually(lambda: words == ["1@lid", "2@lid", "3@lid"])


async def test_a_renewal_that_is_too_fast_waits_and_goes_on(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow_down = MeshError(Reason.RATE_LIMITED, "no", retry_after=timedelta(milliseconds=1))
    words = await refusing(node, monkeypatch, {"2@lid": [slow_down, slow_down]})
    await eventually(lambda: words == ["1@lid", *["2@lid"] * 3, "3@lid"])


async def test_a_renewal_on_a_line_that_is_down_ends_and_comes_with_the_next(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = MeshError(Reason.SESSION_DISCONNECTED, "no")
    words = await refusing(node, monkeypatch, {"2@lid": [down]})
    await eventually(lambda: words == ["1@lid", "2@lid"])
    node.whatsapp.say(Disconnected())
    await node.until(SessionState.RECONNECTING)
    node.whatsapp.say(Connected(ACCOUNT))
    await eventually(lambda: words[2:] == ["1@lid", "2@lid", "3@lid"])


async def test_a_renewal_has_an_end(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chats, "RENEW_S", 0.05)
    slow_down = MeshError(Reason.RATE_LIMITED, "no", retry_after=timedelta(minutes=1))
    words = await refusing(node, monkeypatch, {"1@lid": [slow_down] * 9})
    with capture_logs() as logs:
        await eventually(
            lambda: [log for log in logs if log["event"] == "presence_renewed_in_part"]
        )
    assert words == ["1@lid"]
    assert logs[-1]["left"] == 3


async def test_only_so_many_people_can_be_followed(node: Node, said: list[str]) -> None:
    node.tenant.chats._watched = {f"{number}@lid": None for number in range(MOST_WATCHED)}
    await call(node, "SubscribePresence", SUBSCRIBE(jid="5@lid"))
    error = await error_of(call(node, "SubscribePresence", SUBSCRIBE(jid=ANA)))
    assert error.reason is Reason.INVALID_REQUEST
    assert said == ["5@lid"]


def failing(text: str) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(text)

    return fail


@pytest.mark.parametrize(
    ("method", "request_", "text", "reason"),
    [
        (
            "send_presence",
            PRESENCE(state=chat_pb2.PRESENCE_STATE_AVAILABLE),
            'b"can\'t send presence without PushName set"',
            Reason.PUSH_NAME_MISSING,
        ),
        (
            "get_blocklist",
            contact_pb2.ListBlockedContactsRequest(),
            "info query returned status 429: rate-overlimit",
            Reason.RATE_LIMITED,
        ),
    ],
)
async def test_errors_of_the_library_are_typed(
    node: Node,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    request_: Any,
    text: str,
    reason: Reason,
) -> None:
    enums = SimpleNamespace(Presence=SimpleNamespace(AVAILABLE=b"available"))
    monkeypatch.setattr(whatsapp_chats, "_enums", lambda: enums)
    node.whatsapp.client = SimpleNamespace(**{method: failing(text)})
    service = "SetPresence" if method == "send_presence" else "ListBlockedContacts"
    error: MeshError = await error_of(call(node, service, request_))
    assert error.reason is reason
