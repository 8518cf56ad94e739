"""Which failed attempt is made again, and when. Nothing sleeps here."""

import dataclasses

import grpc
import pytest

from botmesh.errors import REASONS, Reason
from gateway.bot_servicer import SERVICES
from gateway.policy import LONGEST_PAUSE_S, POLICIES, Failure, MethodPolicy, RetryDecision, decide

IDEMPOTENT = MethodPolicy(10, attempts=3, idempotent=True)
ONCE = MethodPolicy(10, attempts=3, idempotent=False)
BY_ID = MethodPolicy(10, attempts=3, idempotent=False, request_id=True)

REFUSED = Failure.of(
    grpc.StatusCode.UNAVAILABLE,
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: refused",
    None,
)
BROKEN = Failure.of(grpc.StatusCode.UNAVAILABLE, "Stream removed (Socket closed)", None)
LATE = Failure.of(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", None)


def _answer(reason: str) -> Failure:
    return Failure.of(REASONS[Reason(reason)].code, "", reason)


def _decide(
    policy: MethodPolicy,
    failure: Failure,
    *,
    failed: int = 1,
    broken_off: int = 0,
    remaining_s: float = 5.0,
    luck: float = 0.5,
) -> RetryDecision | None:
    return decide(
        policy,
        failure,
        failed=failed,
        broken_off=broken_off,
        remaining_s=remaining_s,
        luck=luck,
    )


def test_every_method_of_the_contract_has_a_policy_and_no_other() -> None:
    methods = [method.name for service in SERVICES for method in service.methods]
    assert sorted(POLICIES) == sorted(methods)


# Whether an attempt that may have been executed is made again, and what makes that safe.
REPEATED = {
    "SendMessage": "by its request_id",
    "GetMessage": "idempotent",
    "ListMessages": "idempotent",
    "CancelMessage": "idempotent",
    "StreamQR": "idempotent",
    "RequestPairingCode": "idempotent",
    "GetSession": "idempotent",
    "LogOut": "idempotent",
    "StreamEvents": "idempotent",
    "MarkRead": "idempotent",
    "SetTyping": "idempotent",
    "SetPresence": "idempotent",
    "SubscribePresence": "idempotent",
    "CheckNumbers": "idempotent",
    "GetContact": "idempotent",
    "GetProfilePicture": "idempotent",
    "ListBlockedContacts": "idempotent",
    "BlockContact": "idempotent",
    "UnblockContact": "idempotent",
    "ListGroups": "idempotent",
    "GetGroup": "idempotent",
    "UpdateGroup": "idempotent",
    "SetGroupPicture": "idempotent",
    "UpdateGroupParticipants": "idempotent",
    "GetGroupInviteLink": "idempotent",
    "GetGroupByInviteLink": "idempotent",
    "JoinGroup": "idempotent",
    "LeaveGroup": "idempotent",
    "UploadMedia": "idempotent",
    "GetMedia": "idempotent",
    "DownloadMedia": "idempotent",
    "DeleteMedia": "idempotent",
}


def test_what_makes_each_method_repeatable() -> None:
    said = {
        name: "idempotent" if policy.idempotent else "by its request_id"
        for name, policy in POLICIES.items()
        if policy.repeatable
    }
    assert said == REPEATED


def test_a_policy_with_a_request_id_is_one_whose_request_has_the_field() -> None:
    # GetMessage has the field as well, as one of two keys: it asks about a request, and is none.
    for method in [method for service in SERVICES for method in service.methods]:
        field = method.input_type.fields_by_name.get("request_id")
        is_its_own = field is not None and field.containing_oneof is None
        assert POLICIES[method.name].request_id == is_its_own, method.name


@pytest.mark.parametrize("reason", list(Reason))
def test_only_these_reasons_are_tried_again(reason: Reason) -> None:
    again = {
        Reason.BOTNODE_UNAVAILABLE,
        Reason.SHUTTING_DOWN,
        Reason.WRONG_BOTNODE,
        Reason.UNAUTHENTICATED,  # of a botnode: another mesh's, on a port that was ours
    }
    for policy in (IDEMPOTENT, BY_ID):
        assert (_decide(policy, _answer(reason)) is not None) == (reason in again)


def test_a_reason_of_a_newer_botnode_is_an_answer_like_any_other() -> None:
    failure = Failure.of(grpc.StatusCode.UNAVAILABLE, "", "INVENTED_LATER")
    assert failure.final
    assert _decide(IDEMPOTENT, failure) is None


@pytest.mark.parametrize(
    ("code", "again"),
    [
        (grpc.StatusCode.UNAVAILABLE, True),
        (grpc.StatusCode.CANCELLED, True),
        (grpc.StatusCode.UNIMPLEMENTED, True),
        (grpc.StatusCode.DEADLINE_EXCEEDED, False),
        (grpc.StatusCode.UNKNOWN, False),
        (grpc.StatusCode.INTERNAL, False),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
    ],
)
def test_without_a_reason_the_code_decides(code: grpc.StatusCode, again: bool) -> None:
    assert (_decide(IDEMPOTENT, Failure.of(code, "", None)) is not None) == again


@pytest.mark.parametrize(
    ("failure", "executed", "again"),
    [
        (REFUSED, False, True),
        (BROKEN, True, False),
        (LATE, True, False),
        (_answer("WRONG_BOTNODE"), False, True),
        (_answer("BOTNODE_UNAVAILABLE"), False, True),
        (_answer("SHUTTING_DOWN"), False, True),
        (dataclasses.replace(_answer("SHUTTING_DOWN"), accepted=True), True, False),
    ],
)
def test_what_may_have_been_executed_is_repeated_only_where_that_is_safe(
    failure: Failure,
    executed: bool,
    again: bool,
) -> None:
    assert failure.executed == executed
    assert (_decide(ONCE, failure) is not None) == again


def test_attempts_count_only_where_the_request_broke_off() -> None:
    assert BROKEN.broken_off
    assert not REFUSED.broken_off
    assert not _answer("SHUTTING_DOWN").broken_off
    assert _decide(IDEMPOTENT, BROKEN, failed=2, broken_off=2) is not None
    assert _decide(IDEMPOTENT, BROKEN, failed=3, broken_off=3) is None
    assert _decide(IDEMPOTENT, REFUSED, failed=500, broken_off=2) is not None


def test_pauses_are_drawn_from_zero_to_a_growing_bound() -> None:
    def pause(failed: int, luck: float) -> float:
        decision = _decide(IDEMPOTENT, REFUSED, failed=failed, luck=luck)
        assert decision is not None
        return decision.pause_s

    assert pause(1, 0.0) == 0.0
    bounds = [pause(failed, 1.0) for failed in (1, 2, 3, 4, 100_000)]
    assert bounds == sorted(bounds)
    assert bounds[0] < bounds[1]
    assert bounds[-1] == LONGEST_PAUSE_S


def test_no_pause_outlives_the_call() -> None:
    assert _decide(IDEMPOTENT, REFUSED, failed=9, remaining_s=0.1, luck=0.9) is None
    assert _decide(IDEMPOTENT, REFUSED, failed=9, remaining_s=0.1, luck=0.1) is not None


def test_a_route_that_is_wrong_or_leaving_is_stale() -> None:
    assert _answer("WRONG_BOTNODE").stale
    assert _answer("UNAUTHENTICATED").stale
    assert _answer("SHUTTING_DOWN").stale
    assert Failure.of(grpc.StatusCode.UNIMPLEMENTED, "Method not found!", None).stale
    assert not REFUSED.stale
    assert not BROKEN.stale
