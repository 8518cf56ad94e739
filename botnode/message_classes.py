"""Classes of protobuf's messages, made when they are first asked for.

neonize's files describe some 700 messages, of which a botnode uses a few dozen. Generated code has
a class for each of them when it is imported: 2 MB, and half of the time that the import takes.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal import api_implementation, builder, enum_type_wrapper


@contextlib.contextmanager
def made_later() -> Iterator[None]:
    """Let generated modules that are imported meanwhile make their classes when asked for."""
    if api_implementation.Type() == "python":  # where generated code looks at all that was made
        yield
        return
    real = builder.BuildMessageAndEnumDescriptors, builder.BuildTopDescriptorsAndMessages
    builder.BuildMessageAndEnumDescriptors = _nothing
    builder.BuildTopDescriptorsAndMessages = _promise
    try:
        yield
    finally:
        builder.BuildMessageAndEnumDescriptors, builder.BuildTopDescriptorsAndMessages = real


def _nothing(file_des: FileDescriptor, module: dict[str, Any]) -> None:
    """Names for descriptors, which generated code itself does not use."""


def _promise(file_des: FileDescriptor, module_name: str, module: dict[str, Any]) -> None:
    """In the place of `builder.BuildTopDescriptorsAndMessages`."""

    def find(name: str) -> Any:
        if (found := _find(file_des, name)) is None:
            raise AttributeError(f"{module_name} has no {name}")
        module[name] = found
        return found

    module["__getattr__"] = find


def _find(file: FileDescriptor, name: str) -> Any:
    if (message := file.message_types_by_name.get(name)) is not None:
        return message_factory.GetMessageClass(message)
    if (enum := file.enum_types_by_name.get(name)) is not None:
        return enum_type_wrapper.EnumTypeWrapper(enum)
    for enum in file.enum_types_by_name.values():
        if (value := enum.values_by_name.get(name)) is not None:
            return value.number
    return file.extensions_by_name.get(name)
