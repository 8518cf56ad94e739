"""ContactService for one tenant."""

from botmesh.errors import invalid
from botmesh.v1 import contact_pb2, contact_pb2_grpc
from botnode.calls import Context, TenantCalls
from botnode.contacts import Contacts
from botnode.deadlines import wait_s
from botnode.number_checks import NumberCheck
from botnode.phone_number import NumberError, e164
from botnode.questions import ANSWER_S
from botnode.recipient import canonical_jid, canonical_person
from botnode.whatsapp_contacts import Profile, number_in

MOST_NUMBERS = 200


class ContactServicer(contact_pb2_grpc.ContactServiceServicer):
    """The contract's ContactService."""

    def __init__(self, calls: TenantCalls) -> None:
        self._calls = calls

    async def CheckNumbers(
        self, request: contact_pb2.CheckNumbersRequest, context: Context
    ) -> contact_pb2.CheckNumbersResponse:
        contacts = self._contacts(request, context)
        checking = contacts.check(_numbers(request), wait_s(context, ANSWER_S))
        checks = await self._calls.unless_stopped(checking)
        return contact_pb2.CheckNumbersResponse(results=[_check_pb(check) for check in checks])

    async def GetContact(
        self, request: contact_pb2.GetContactRequest, context: Context
    ) -> contact_pb2.GetContactResponse:
        contacts = self._contacts(request, context)
        jid = canonical_person(request.jid, field="jid")
        profile = await self._calls.unless_stopped(contacts.profile(jid, wait_s(context, ANSWER_S)))
        return contact_pb2.GetContactResponse(contact=_contact_pb(profile))

    async def GetProfilePicture(
        self, request: contact_pb2.GetProfilePictureRequest, context: Context
    ) -> contact_pb2.GetProfilePictureResponse:
        contacts = self._contacts(request, context)
        jid = canonical_jid(request.jid, field="jid")
        picture_id, url = await self._calls.unless_stopped(
            contacts.picture(jid, preview=request.preview, timeout_s=wait_s(context, ANSWER_S))
        )
        return contact_pb2.GetProfilePictureResponse(picture_id=picture_id, url=url)

    async def ListBlockedContacts(
        self, request: contact_pb2.ListBlockedContactsRequest, context: Context
    ) -> contact_pb2.ListBlockedContactsResponse:
        contacts = self._contacts(request, context)
        jids = await self._calls.unless_stopped(contacts.blocked(wait_s(context, ANSWER_S)))
        return contact_pb2.ListBlockedContactsResponse(jids=jids)

    async def BlockContact(
        self, request: contact_pb2.BlockContactRequest, context: Context
    ) -> contact_pb2.BlockContactResponse:
        await self._block(request, context, block=True)
        return contact_pb2.BlockContactResponse()

    async def UnblockContact(
        self, request: contact_pb2.UnblockContactRequest, context: Context
    ) -> contact_pb2.UnblockContactResponse:
        await self._block(request, context, block=False)
        return contact_pb2.UnblockContactResponse()

    async def _block(
        self,
        request: contact_pb2.BlockContactRequest | contact_pb2.UnblockContactRequest,
        context: Context,
        *,
        block: bool,
    ) -> None:
        contacts = self._contacts(request, context)
        jid = canonical_person(request.jid, field="jid")
        blocking = contacts.block(jid, block=block, timeout_s=wait_s(context, ANSWER_S))
        await self._calls.unless_stopped(blocking)

    def _contacts(self, request: object, context: Context) -> Contacts:
        self._calls.check(request, context)
        return self._calls.tenant().contacts


def _numbers(request: contact_pb2.CheckNumbersRequest) -> list[str]:
    if not 1 <= len(request.phone_numbers) <= MOST_NUMBERS:
        raise invalid("phone_numbers", f"must be 1 to {MOST_NUMBERS} numbers")
    numbers = []
    for at, text in enumerate(request.phone_numbers):
        try:
            numbers.append(e164(text))
        except NumberError as error:
            raise invalid(f"phone_numbers[{at}]", str(error)) from None
    return numbers


def _check_pb(check: NumberCheck) -> contact_pb2.NumberCheck:
    result = contact_pb2.NumberCheck(
        phone_number=check.phone_number,
        on_whatsapp=check.on_whatsapp,
        jid=check.jid,
        lid=check.lid,
        verified_name=check.verified_name,
    )
    result.check_time.FromMilliseconds(check.check_ms)
    return result


def _contact_pb(profile: Profile) -> contact_pb2.Contact:
    return contact_pb2.Contact(
        jid=profile.jid,
        lid=profile.lid,
        phone_number=number_in(profile.jid),
        push_name=profile.push_name,
        full_name=profile.full_name,
        verified_name=profile.verified_name,
        about=profile.about,
        picture_id=profile.picture_id,
    )
