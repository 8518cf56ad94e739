"""The examples of docs/CONTENTS.md through the gateway, as a phone gets them."""

import hashlib
import json
import re
import secrets
import uuid
from pathlib import Path
from typing import Any

import pytest

from botmesh import v1
from botmesh.v1 import (
    MessageContent,
    MessageState,
    SendMessageRequest,
    UploadMediaRequest,
    UploadStart,
)
from sandbox import protobufs
from tests import media_samples
from tests.e2e.mesh.harness import EXAMPLES, LIMIT_S, Mesh

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.parametrize("agent", ["embedded"], indirect=True, scope="module"),
]

TENANT = EXAMPLES[1]
DOC = Path(__file__).resolve().parents[3] / "docs" / "CONTENTS.md"
EXAMPLE = re.compile(r"^```python\n(content = .*?)^```", re.MULTILINE | re.DOTALL)
KINDS = {
    "text": 6,  # alone, with a link, mentions, as a reply, forwarded; and what others refer to
    "image": 1,
    "video": 1,
    "voice": 1,
    "document": 1,
    "sticker": 1,
    "location": 1,
    "contact": 1,
    "poll": 1,
    "reaction": 1,
    "edit": 1,
    "revoke": 1,
}


def _examples() -> list[MessageContent]:
    scope: dict[str, Any] = {name: getattr(v1, name) for name in v1.__all__}
    contents = []
    for source in EXAMPLE.findall(DOC.read_text()):
        exec(source, scope)
        contents.append(scope["content"])
    return contents


def _samples(folder: Path) -> dict[str, bytes]:
    """A file for each kind of media."""
    return {
        "image": media_samples.picture("JPEG", (64, 48)),
        "video": media_samples.video(folder / "a.mp4").read_bytes(),
        "audio": media_samples.opus(),
        "document": media_samples.pdf(),
        "sticker": media_samples.sticker(),
    }


def _upload(mesh: Mesh, media_id: str, data: bytes) -> None:
    start = UploadStart(
        media_id=media_id, size_bytes=len(data), sha256=hashlib.sha256(data).digest()
    )
    requests = [UploadMediaRequest(tenant_id=TENANT, start=start), UploadMediaRequest(data=data)]
    mesh.media.UploadMedia(iter(requests), timeout=LIMIT_S)


def test_the_examples_arrive(mesh: Mesh, tmp_path: Path) -> None:
    customer = f"+52155{secrets.randbelow(10**8):08}"
    first = mesh.send(TENANT, customer, "Son $10")
    examples, samples = _examples(), _samples(tmp_path)
    for content in examples:
        if (kind := content.WhichOneof("kind")) in samples:
            _upload(mesh, getattr(content, kind).media.media_id, samples[kind])
        for about in (content.edit, content.revoke):
            if about.original.message_id:
                about.original.message_id = first.message_id
        request = SendMessageRequest(
            tenant_id=TENANT, to=customer, content=content, request_id=str(uuid.uuid4())
        )
        sent = mesh.bots.SendMessage(request, timeout=LIMIT_S).message
        assert sent.state >= MessageState.MESSAGE_STATE_SENT
    found = [message.kind for message in mesh.inbox(customer, 1 + len(examples))]
    assert {kind: found.count(kind) for kind in KINDS} == KINDS
    listed = mesh.run("messages", TENANT, "--to", customer)
    for words in ("(poll) ¿Cuándo paso?: hoy / mañana", "(contacts) Ana, taller", "(revoke) "):
        assert words in listed


def test_a_poll_and_its_votes_by_command(mesh: Mesh) -> None:
    customer = f"+52155{secrets.randbelow(10**8):08}"
    poll = ("--poll", "hoy", "--poll", "mañana", "--choices", "1")
    sent = json.loads(mesh.run("--json", "send", TENANT, customer, "¿Cuándo paso?", *poll))
    (received,) = mesh.inbox(customer, 1)
    mesh.run("sandbox", "vote", customer, received.message_id, "mañana")
    mesh.run("send", TENANT, customer, "Hecho", "--reply-to", sent["message_id"])
    reply = protobufs.e2e.Message.FromString(mesh.inbox(customer, 3)[-1].content)
    quoted = reply.extendedTextMessage.contextInfo
    assert quoted.stanzaID == received.message_id
    assert quoted.quotedMessage.pollCreationMessage.name == "¿Cuándo paso?"
    told = f"message from {customer}: (poll_vote) in {sent['message_id']}: mañana\n"
    assert told in mesh.run("events", TENANT)
