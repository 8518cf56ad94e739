"""What WhatsApp's library has taken in is kept, also when the process stops before it is stored."""

import sqlite3
from contextlib import closing
from itertools import islice

import pytest

from tests.e2e.botnode.node import Control, Node, eventually

pytestmark = pytest.mark.e2e

MESSAGES = 50  # the library holds up to 100


def test_a_stop_loses_nothing_of_what_the_library_holds(
    paired: Node, control: Control, phone: str, customer: str
) -> None:
    texts = [f"message {number}" for number in range(MESSAGES)]
    path = paired.data_dir / "tenants" / paired.tenant_id / "node.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        store.execute("BEGIN IMMEDIATE")  # nothing can be written
        for text in texts:
            control.write(customer, phone, text)
        # The library has told WhatsApp that it has them.
        eventually(lambda: not control.devices(phone)[0].waiting)
        paired.process.terminate()
        eventually(lambda: not control.devices(phone)[0].connected)
        store.execute("ROLLBACK")
    assert paired.wait_exit() == 0
    paired.start()
    received = (e.message_received for e in paired.events() if e.HasField("message_received"))
    assert [m.content.text.body for m in islice(received, MESSAGES)] == texts
