"""Whom a call of the control API names: phones, groups, and who may write where."""

from __future__ import annotations

import grpc

from sandbox import conversion
from sandbox.refusals import RefusedError, invalid
from sandbox.stanzas import Chat
from sandbox.state.groups import Group
from sandbox.state.phones import Phone
from sandbox.state.store import Store
from sandbox.wire.jid import parse


class Naming:
    """Finds phones and groups; every method raises RefusedError, which names the field."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def phone(self, field: str, number: str) -> Phone:
        """The phone with a number."""
        return self._store.phones.get(conversion.number(field, number))

    def group(self, field: str, address: str) -> Group:
        """The group at an address."""
        try:
            group = self._store.groups.at(parse(address))
        except ValueError as error:
            raise invalid(field, str(error)) from error
        if group is None:
            text = f"there is no group {address}"
            raise RefusedError(grpc.StatusCode.NOT_FOUND, "GROUP_NOT_FOUND", text)
        return group

    def chat(self, field: str, name: str) -> Chat:
        """The phone with a number, or the group at an address."""
        return self.group(field, name) if "@" in name else self.phone(field, name)

    def writer(self, field: str, number: str, chat: Chat) -> Phone:
        """The phone with a number, which can write to a chat now."""
        phone = self.phone(field, number)
        if not phone.online:
            text = "the phone is offline"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "PHONE_OFFLINE", text)
        if isinstance(chat, Group) and phone.number not in chat.numbers:
            text = "the phone is not in the group"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "NOT_IN_GROUP", text)
        if isinstance(chat, Group) and chat.keeps_silent(phone.number):
            text = "only admins write into the group"
            raise RefusedError(grpc.StatusCode.FAILED_PRECONDITION, "ONLY_ADMINS_WRITE", text)
        return phone
