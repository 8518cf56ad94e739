"""The control API: everything that tests and the command can ask of a sandbox."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final

import grpc

from botmesh.sandbox.v1 import sandbox_pb2 as pb
from botmesh.sandbox.v1 import sandbox_pb2_grpc
from sandbox import conversion, fault_conversion, faults, group_control, votes
from sandbox.addresses import Addresses
from sandbox.lines import end, replaced
from sandbox.naming import Naming
from sandbox.network import Network
from sandbox.news import News
from sandbox.pairing import ScanError, ScanProblem
from sandbox.refusals import RefusedError, answering, invalid, streaming
from sandbox.state.devices import Device
from sandbox.state.groups import Group
from sandbox.state.messages import Direction, Message
from sandbox.state.phones import Phone

_PAGE: Final = 100
_PAGE_MOST: Final = 1000
_WAIT_SECONDS: Final = 30.0
_SCAN_CODES: Final = {
    ScanProblem.MALFORMED: grpc.StatusCode.INVALID_ARGUMENT,
    ScanProblem.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    ScanProblem.EXPIRED: grpc.StatusCode.FAILED_PRECONDITION,
    ScanProblem.USED: grpc.StatusCode.FAILED_PRECONDITION,
    ScanProblem.REFUSED: grpc.StatusCode.ABORTED,
    ScanProblem.LOST: grpc.StatusCode.ABORTED,
    ScanProblem.WRONG: grpc.StatusCode.FAILED_PRECONDITION,
    ScanProblem.PASSKEY: grpc.StatusCode.FAILED_PRECONDITION,
}


class SandboxServicer(sandbox_pb2_grpc.SandboxServiceServicer):
    """Serves the control API over a network."""

    def __init__(self, network: Network, addresses: Addresses, version: str) -> None:
        self._network = network
        self._store = network.store
        self._addresses = addresses
        self._version = version
        self._started_at = time.time()
        self._naming = Naming(network.store)
        self._arrivals = News()
        network.handset.arrived = self._arrivals.announce

    @answering
    async def GetSandbox(self, _request: pb.GetSandboxRequest, _context: Any) -> Any:
        network = self._network
        sandbox = pb.Sandbox(
            version=self._version,
            pid=os.getpid(),
            start_time=conversion.timestamp(self._started_at),
            proxy_url=self._addresses.proxy_url,
            ca_file=self._addresses.ca_file,
            root_key=self._addresses.root_key,
            control_address=self._addresses.control_address,
            data_dir=self._addresses.data_dir,
            phones=len(self._store.phones.all()),
            devices=len(self._store.devices.all()),
            connected_devices=len(network.lines.of_number("")),
            waiting_to_pair=network.pairing.waiting(),
            connections=len(network.lines.open),
            received_messages=self._store.messages.count(Direction.RECEIVED),
            written_messages=self._store.messages.count(Direction.WRITTEN),
            unknown=len(network.unknown.all()),
        )
        return pb.GetSandboxResponse(sandbox=sandbox)

    @answering
    async def Scan(self, request: pb.ScanRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        device = await _linked(self._network.pairing.scan(phone, request.code))
        return pb.ScanResponse(device=self._device(device))

    @answering
    async def EnterCode(self, request: pb.EnterCodeRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        device = await _linked(self._network.code_pairing.enter(phone, request.code))
        return pb.EnterCodeResponse(device=self._device(device))

    @answering
    async def WriteMessage(self, request: pb.WriteMessageRequest, _context: Any) -> Any:
        self._phone("phone", request.phone)
        to = self._naming.chat("to", request.to)
        content = conversion.content(request.text, request.content)
        phone = self._naming.writer("phone", request.phone, to)
        message = self._network.mail.write(phone, to, content)
        return pb.WriteMessageResponse(message=conversion.message(message))

    @answering
    async def VotePoll(self, request: pb.VotePollRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        poll = votes.find(self._store, phone, request.message_id)
        if poll is None:
            text = f"+{phone.number} has no poll {request.message_id}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_FOUND", text)
        try:
            vote = votes.vote(self._store, phone, poll, request.options)
        except votes.NoOptionError as error:
            raise invalid("options", f"the poll has no option {error}") from error
        chat = self._naming.chat("message_id", poll.chat)
        voter = self._naming.writer("phone", request.phone, chat)
        message = self._network.mail.write(voter, chat, vote)
        return pb.VotePollResponse(message=conversion.message(message))

    @answering
    async def MarkRead(self, request: pb.MarkReadRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        message = self._network.mail.mark_read(phone, request.message_id)
        if message is None:
            text = f"+{phone.number} has received no message {request.message_id}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "MESSAGE_NOT_FOUND", text)
        return pb.MarkReadResponse(message=conversion.message(message))

    @answering
    async def ListMessages(self, request: pb.ListMessagesRequest, _context: Any) -> Any:
        limit = request.page_size or _PAGE
        if not 0 < limit <= _PAGE_MOST:
            raise invalid("page_size", f"at most {_PAGE_MOST} messages come at once")
        if request.wait_count > limit:
            raise invalid("wait_count", "it is more than the page holds")
        seconds = request.wait.ToNanoseconds() / 1e9 if request.HasField("wait") else _WAIT_SECONDS
        number = self._phone("phone", request.phone).number
        found = await self._arrivals.wait(
            lambda: self._store.messages.after(number, request.after_sequence, limit),
            count=request.wait_count,
            seconds=seconds,
        )
        return pb.ListMessagesResponse(messages=[conversion.message(item) for item in found])

    @streaming
    async def StreamMessages(
        self, request: pb.StreamMessagesRequest, _context: Any
    ) -> AsyncIterator[Any]:
        number = conversion.number("phone", request.phone, optional=True)
        after = request.after_sequence
        while True:
            coming = self._arrivals.coming
            found: list[Message] = self._store.messages.after(number, after, _PAGE_MOST)
            for item in found:
                after = item.sequence
                yield pb.StreamMessagesResponse(message=conversion.message(item))
            if not found:
                await coming.wait()

    @answering
    async def SetPhone(self, request: pb.SetPhoneRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        for name in ("online", "receipts", "on_whatsapp", "push_name"):
            if request.HasField(name):
                setattr(phone, name, getattr(request, name))
        with self._store.database.transaction():
            self._store.phones.save(phone)
            if request.HasField("push_name"):
                self._network.app_state.tell_push_name(phone)
        self._network.delivery.wake(phone)
        return pb.SetPhoneResponse(phone=conversion.phone(self._store, phone))

    @answering
    async def ForgetSessions(self, request: pb.ForgetSessionsRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        forgotten = self._store.phones.forget_sessions(phone)
        return pb.ForgetSessionsResponse(forgotten=forgotten)

    @answering
    async def CreateGroup(self, request: pb.CreateGroupRequest, _context: Any) -> Any:
        phones = [self._phone("phones", number) for number in request.phones]
        group = group_control.create(self._network, phones, request.subject)
        return pb.CreateGroupResponse(group=conversion.group(self._store, group))

    @answering
    async def SetGroup(self, request: pb.SetGroupRequest, _context: Any) -> Any:
        group = self._group("group", request.group)
        group_control.change(
            self._network,
            group,
            add=[self._phone("add", number) for number in request.add],
            remove=[self._phone("remove", number) for number in request.remove],
            subject=request.subject if request.HasField("subject") else None,
        )
        return pb.SetGroupResponse(group=conversion.group(self._store, group))

    @answering
    async def ActInGroup(self, request: pb.ActInGroupRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        group = self._group("group", request.group)
        errors = group_control.act(self._network, phone, group, request)
        return pb.ActInGroupResponse(group=conversion.group(self._store, group), errors=errors)

    @answering
    async def JoinGroup(self, request: pb.JoinGroupRequest, _context: Any) -> Any:
        phone = self._phone("phone", request.phone)
        group, joined = group_control.join(self._network, phone, request.link)
        told = conversion.group(self._store, group)
        return pb.JoinGroupResponse(group=told, asked=not joined)

    @answering
    async def ListGroups(self, request: pb.ListGroupsRequest, _context: Any) -> Any:
        number = conversion.number("phone", request.phone, optional=True)
        listed = [
            conversion.group(self._store, group)
            for group in self._store.groups.all()
            if not number or number in group.numbers
        ]
        return pb.ListGroupsResponse(groups=listed)

    @answering
    async def ListPhones(self, _request: pb.ListPhonesRequest, _context: Any) -> Any:
        phones = [conversion.phone(self._store, phone) for phone in self._store.phones.all()]
        return pb.ListPhonesResponse(phones=phones)

    @answering
    async def ListDevices(self, request: pb.ListDevicesRequest, _context: Any) -> Any:
        number = conversion.number("phone", request.phone, optional=True)
        devices = self._store.devices.of(number) if number else self._store.devices.all()
        return pb.ListDevicesResponse(devices=[self._device(device) for device in devices])

    @answering
    async def DropConnections(self, request: pb.DropConnectionsRequest, _context: Any) -> Any:
        number = conversion.number("phone", request.phone, optional=True)
        return pb.DropConnectionsResponse(dropped=self._network.lines.reset(number, request.device))

    @answering
    async def LogOutDevice(self, request: pb.LogOutDeviceRequest, _context: Any) -> Any:
        devices = self._devices(request.phone, request.device)
        for device in devices:
            self._network.queries.log_out(device)
        return pb.LogOutDeviceResponse(logged_out=len(devices))

    @answering
    async def ReplaceDevice(self, request: pb.ReplaceDeviceRequest, _context: Any) -> Any:
        lines = [
            line
            for device in self._devices(request.phone, request.device)
            if (line := self._network.lines.of(device.number, device.device))
        ]
        for line in lines:
            end(line, replaced())
        return pb.ReplaceDeviceResponse(replaced=len(lines))

    @answering
    async def SetFault(self, request: pb.SetFaultRequest, _context: Any) -> Any:
        asked = request.fault
        if asked.times < 0:
            raise invalid("fault.times", "it must not be negative")
        seconds = asked.duration.ToNanoseconds() / 1e9 if asked.HasField("duration") else None
        behaviour = fault_conversion.behaviour(asked)
        number = conversion.number("fault.phone", asked.phone, optional=True)
        fault = self._network.faults.set(
            behaviour,
            number=number,
            recipient=self._recipient(asked.recipient),
            times=asked.times or None,
            seconds=seconds,
        )
        self._begin(fault, seconds)
        if asked.refuse_login.drop_connections:
            self._network.lines.reset(number)
        return pb.SetFaultResponse(fault=fault_conversion.fault(fault))

    @answering
    async def ListFaults(self, _request: pb.ListFaultsRequest, _context: Any) -> Any:
        listed = [fault_conversion.fault(fault) for fault in self._network.faults.all()]
        return pb.ListFaultsResponse(faults=listed)

    @answering
    async def WaitFault(self, request: pb.WaitFaultRequest, _context: Any) -> Any:
        fault = self._network.faults.get(request.fault_id)
        if fault is None:
            text = f"there was no fault {request.fault_id}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "FAULT_NOT_FOUND", text)
        seconds = request.wait.ToNanoseconds() / 1e9 if request.HasField("wait") else _WAIT_SECONDS
        await self._network.faults.wait(fault, request.acted or 1, seconds)
        return pb.WaitFaultResponse(fault=fault_conversion.fault(fault))

    @answering
    async def ClearFaults(self, request: pb.ClearFaultsRequest, _context: Any) -> Any:
        cleared = self._network.faults.clear(request.fault_id or None)
        self._network.refresh_silence()
        return pb.ClearFaultsResponse(cleared=cleared)

    @answering
    async def ListUnknown(self, request: pb.ListUnknownRequest, _context: Any) -> Any:
        listed = [conversion.unknown(thing) for thing in self._network.unknown.all()]
        if request.clear:
            self._network.unknown.clear()
        return pb.ListUnknownResponse(unknown=listed)

    def _begin(self, fault: faults.Fault, seconds: float | None) -> None:
        if isinstance(fault.behaviour, faults.Silence):
            self._network.refresh_silence()
            if seconds is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(seconds, self._network.refresh_silence)
        elif isinstance(fault.behaviour, faults.HalfOpen | faults.Deaf):
            self._network.break_lines(fault)
        elif isinstance(fault.behaviour, faults.HoldQuery) and seconds is not None:
            asyncio.get_running_loop().call_later(seconds, fault.let_go)

    def _phone(self, field: str, number: str) -> Phone:
        return self._naming.phone(field, number)

    def _group(self, field: str, address: str) -> Group:
        return self._naming.group(field, address)

    def _recipient(self, name: str) -> str:
        """How faults know the recipient of messages: by number, or by a group's address."""
        if "@" in name:
            return str(self._group("fault.recipient", name).jid)
        return conversion.number("fault.recipient", name, optional=True)

    def _devices(self, phone: str, number: int) -> list[Device]:
        linked = self._store.devices.of(conversion.number("phone", phone))
        found = [device for device in linked if number in (0, device.device)]
        if number and not found:
            text = f"{phone} has no device {number}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "DEVICE_NOT_FOUND", text)
        return found

    def _device(self, device: Device) -> pb.Device:
        line = self._network.lines.of(device.number, device.device)
        return conversion.device(self._store, device, line.since if line else None)


async def _linked(linking: Coroutine[Any, Any, Device]) -> Device:
    """The device that is linked; raises RefusedError."""
    try:
        return await linking
    except ScanError as error:
        field = "code" if error.problem is ScanProblem.MALFORMED else ""
        reason = f"SCAN_PROBLEM_{error.problem.name}"
        raise RefusedError(_SCAN_CODES[error.problem], reason, str(error), field) from error
