"""The command against a gateway whose answers are scripted, over a real channel."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from fake_gateway import serving
from typer.testing import CliRunner, Result

from botmesh.cli.main import app
from botmesh.errors import MeshError, Reason, invalid
from botmesh.rpc.status import to_rpc_status
from botmesh.v1 import (
    BotServiceServicer,
    GetSessionRequest,
    GetSessionResponse,
    GetTenantRequest,
    GetTenantResponse,
    ListTenantsRequest,
    ListTenantsResponse,
    Message,
    MessageState,
    ObservedState,
    Paired,
    QRCode,
    SendMessageRequest,
    SendMessageResponse,
    Session,
    SessionState,
    StartTenantRequest,
    StartTenantResponse,
    StreamQRRequest,
    StreamQRResponse,
    Tenant,
    TenantServiceServicer,
    UpdateTenantRequest,
    UpdateTenantResponse,
)


class Bots(BotServiceServicer):
    def SendMessage(self, request: SendMessageRequest, context: Any) -> SendMessageResponse:
        if not request.content.text.body:
            context.abort_with_status(
                to_rpc_status(invalid("content.text.body", "must not be empty"))
            )
        return SendMessageResponse(
            message=Message(
                message_id="m-1",
                whatsapp_id="3EB0",
                recipient_jid=request.to,
                state=MessageState.MESSAGE_STATE_SENT,
            )
        )

    def GetSession(self, request: GetSessionRequest, context: Any) -> GetSessionResponse:
        if request.tenant_id == "away":
            error = MeshError(
                Reason.BOTNODE_UNAVAILABLE, "no botnode", retry_after=timedelta(seconds=1)
            )
            context.abort_with_status(to_rpc_status(error))
        return GetSessionResponse(
            session=Session(tenant_id=request.tenant_id, state=SessionState.SESSION_STATE_CONNECTED)
        )

    def StreamQR(self, request: StreamQRRequest, context: Any) -> Iterator[StreamQRResponse]:
        yield StreamQRResponse(code=QRCode(code="first"))
        yield StreamQRResponse(code=QRCode(code="second"))
        yield StreamQRResponse(paired=Paired(phone_number="+5215512345678"))


class Tenants(TenantServiceServicer):
    def __init__(self) -> None:
        self.asked = 0
        self.updates: list[UpdateTenantRequest] = []

    def UpdateTenant(self, request: UpdateTenantRequest, context: Any) -> UpdateTenantResponse:
        self.updates.append(request)
        return UpdateTenantResponse(tenant=self._tenant(observed=2))

    def ListTenants(self, request: ListTenantsRequest, context: Any) -> ListTenantsResponse:
        if not request.page_token:
            first = Tenant(tenant_id="norte", bot_port=3001, address="127.0.0.1:4005", pid=7)
            return ListTenantsResponse(tenants=[first], next_page_token="more")
        return ListTenantsResponse(tenants=[Tenant(tenant_id="sur", bot_port=3002)])

    def StartTenant(self, request: StartTenantRequest, context: Any) -> StartTenantResponse:
        return StartTenantResponse(tenant=self._tenant(observed=1))

    def GetTenant(self, request: GetTenantRequest, context: Any) -> GetTenantResponse:
        self.asked += 1
        return GetTenantResponse(tenant=self._tenant(observed=min(2, self.asked)))

    @staticmethod
    def _tenant(observed: int) -> Tenant:
        return Tenant(
            tenant_id="norte",
            desired_generation=2,
            observed_generation=observed,
            observed_state=ObservedState.OBSERVED_STATE_RUNNING,
        )


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
def gateway(tenants: Tenants) -> Iterator[str]:
    with serving(Bots(), tenants) as address:
        yield address


def _call(gateway: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--gateway", gateway, *arguments])


def _lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_send_tells_what_became_of_the_message(gateway: str) -> None:
    result = _call(gateway, "send", "norte", "+5215512345678", "Hola")
    assert result.exit_code == 0
    assert "SENT" in result.stdout
    assert "3EB0" in result.stdout


def test_a_refusal_is_one_sentence_with_its_reason(gateway: str) -> None:
    result = _call(gateway, "send", "norte", "+5215512345678", "")
    assert result.exit_code == 1
    assert result.stderr == ("botmesh: content.text.body: must not be empty (INVALID_REQUEST)\n")
    assert result.stdout == ""


def test_a_script_gets_the_error_as_an_object(gateway: str) -> None:
    result = _call(gateway, "--json", "send", "norte", "+5215512345678", "")
    assert _lines(result) == [
        {
            "error": {
                "message": "content.text.body: must not be empty",
                "reason": "INVALID_REQUEST",
                "code": "INVALID_ARGUMENT",
                "violations": {"content.text.body": "must not be empty"},
            }
        }
    ]


def test_what_may_pass_by_itself_has_a_status_of_its_own(gateway: str) -> None:
    assert _call(gateway, "session", "away").exit_code == 3


def test_nobody_at_home_is_said_so() -> None:
    result = _call("127.0.0.1:1", "tenant", "list")
    assert result.exit_code == 3
    assert "nothing answers at 127.0.0.1:1" in result.stderr


def test_list_goes_through_all_pages_and_shows_the_port_in_use(gateway: str) -> None:
    result = _call(gateway, "tenant", "list")
    assert result.exit_code == 0
    norte, sur = result.stdout.splitlines()[1:]
    assert norte.split()[:3] == ["norte", "4005", "7"]
    assert sur.split()[:2] == ["sur", "3002"]


def test_start_waits_until_it_took_effect(gateway: str, tenants: Tenants) -> None:
    result = _call(gateway, "--json", "tenant", "start", "norte")
    assert _lines(result)[0]["observed_generation"] == "2"
    assert tenants.asked == 2


def test_qr_prints_codes_and_ends_when_paired(gateway: str) -> None:
    result = _call(gateway, "qr", "norte")
    assert result.exit_code == 0
    assert [line.rpartition(" ")[2] for line in result.stdout.splitlines()] == [
        "first",
        "second",
        "+5215512345678",
    ]


def test_no_sandbox_is_said_so(gateway: str, tmp_path: Any) -> None:
    result = _call(gateway, "sandbox", "--data-dir", str(tmp_path), "phones")
    assert result.exit_code == 1
    assert "no sandbox runs" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("norte",), ("norte", "--all", "--phone", "+521")])
def test_scan_asks_for_a_tenant_and_a_phone_or_for_all(
    gateway: str, arguments: tuple[str, ...]
) -> None:
    assert _call(gateway, "sandbox", "scan", *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("options", "given", "proxy_url"),
    [
        (["--proxy", "http://proxy:1"], "", "http://proxy:1"),
        (["--proxy", "-"], "socks5://ana:s3cr3t@proxy:1\n", "socks5://ana:s3cr3t@proxy:1"),
        (["--no-proxy"], "", ""),
        (["--name", "Norte"], "", None),
    ],
)
def test_a_proxy_may_come_from_a_pipe(
    gateway: str, tenants: Tenants, options: list[str], given: str, proxy_url: str | None
) -> None:
    arguments = ["--gateway", gateway, "tenant", "update", "norte", *options]
    result = CliRunner().invoke(app, arguments, input=given)
    assert result.exit_code == 0
    assert "s3cr3t" not in result.output
    (request,) = tenants.updates
    assert (request.proxy_url if request.HasField("proxy_url") else None) == proxy_url


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--proxy", "-"], "no address in the input"),
        (["--proxy", "http://proxy", "--no-proxy"], "exclude each other"),
    ],
)
def test_no_proxy_is_taken_away_by_mistake(
    gateway: str, tenants: Tenants, options: list[str], words: str
) -> None:
    arguments = ["--gateway", gateway, "tenant", "update", "norte", *options]
    result = CliRunner().invoke(app, arguments, input="")
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())
    assert not tenants.updates
