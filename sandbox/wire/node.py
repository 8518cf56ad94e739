"""A stanza: a tag with attributes, and bytes or further nodes inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from sandbox.wire.jid import Jid

_SHOWN_MAX: Final = 64
Content = bytes | list["Node"] | None


class Node:
    """One node of WhatsApp's binary XML."""

    __slots__ = ("attrs", "content", "tag")

    def __init__(
        self,
        tag: str,
        attrs: Mapping[str, str | int | Jid | None] | None = None,
        content: Content = None,
    ) -> None:
        self.tag = tag
        self.attrs: dict[str, str | Jid] = {
            key: value if isinstance(value, str | Jid) else str(value)
            for key, value in (attrs or {}).items()
            if value is not None and value != ""
        }
        self.content = content

    @property
    def children(self) -> list[Node]:
        """The nodes inside; none if the content is bytes."""
        return self.content if isinstance(self.content, list) else []

    @property
    def data(self) -> bytes:
        """The bytes inside; none if there are nodes or nothing."""
        return self.content if isinstance(self.content, bytes) else b""

    def text(self, key: str) -> str:
        """An attribute as text; empty if it is not there."""
        value = self.attrs.get(key)
        return "" if value is None else str(value)

    def jid(self, key: str) -> Jid | None:
        """An attribute as a JID; none if it is absent or only text."""
        value = self.attrs.get(key)
        return value if isinstance(value, Jid) else None

    def find(self, *path: str) -> Node | None:
        """The first node under the given path of tags."""
        node = self
        for tag in path:
            found = next((child for child in node.children if child.tag == tag), None)
            if found is None:
                return None
            node = found
        return node

    def all(self, tag: str) -> Iterator[Node]:
        """Every direct child with the given tag."""
        return (child for child in self.children if child.tag == tag)

    def bytes_of(self, *path: str) -> bytes:
        """The bytes under the given path of tags; empty if there are none."""
        node = self.find(*path)
        return node.data if node else b""

    def __str__(self) -> str:
        attrs = "".join(f' {key}="{value}"' for key, value in self.attrs.items())
        if self.content is None:
            return f"<{self.tag}{attrs}/>"
        if isinstance(self.content, bytes):
            return f"<{self.tag}{attrs}>{_show(self.content)}</{self.tag}>"
        return f"<{self.tag}{attrs}>{''.join(map(str, self.content))}</{self.tag}>"


def _show(data: bytes) -> str:
    """Short printable content as it is, anything else by its length."""
    if len(data) <= _SHOWN_MAX and data.isascii() and data.decode().isprintable():
        return data.decode()
    return f"[{len(data)} bytes]"
