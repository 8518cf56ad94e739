"""How the process starts, refuses to start, and ends."""

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from botmesh.v1 import bot_pb2, session_pb2
from botmesh.v1.bot_pb2_grpc import BotServiceStub
from tests.e2e.botnode.node import Control, Node, eventually

pytestmark = pytest.mark.e2e

EX_FAILED, EX_CONFIG = 1, 78


def refused(node: Node, **settings: str) -> str:
    """Start it, see it exit as a matter of configuration, and return its last words."""
    node.start(until_ready=False, **settings)
    assert node.wait_exit() == EX_CONFIG, node.tail()
    return node.tail()


def tenant_folder(node: Node) -> Path:
    return node.data_dir / "tenants" / node.tenant_id


def test_health_reflection_and_the_secret(node: Node) -> None:
    check = health_pb2_grpc.HealthStub(node.channel).Check
    serving = health_pb2.HealthCheckResponse.SERVING
    for service in ("", "botmesh.v1.BotService"):
        assert check(health_pb2.HealthCheckRequest(service=service)).status == serving
    with pytest.raises(grpc.RpcError) as failure:
        BotServiceStub(node.channel).GetSession(
            bot_pb2.GetSessionRequest(tenant_id=node.tenant_id), timeout=5
        )
    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_go_finds_its_environment_whoever_started_the_process(node: Node) -> None:
    found = Path(f"/proc/{node.process.pid}/environ").read_bytes().split(b"\0")
    assert b"NEONIZE_BOT_TAG=off" in found  # else messages carry a business bot's mark
    assert b"GOMAXPROCS=1" in found
    assert b"MALLOC_ARENA_MAX=1" in found


def test_stops_when_its_host_is_gone(paired: Node) -> None:
    began = time.monotonic()
    paired.orphan()
    assert paired.wait_exit() == 0
    assert time.monotonic() - began < 5
    told = [line["event"] for line in paired.lines if line["event"] != "alive"]
    assert told[-2:] == ["stopping", "session"]


def test_a_damaged_session_store_is_neither_used_nor_lost(
    paired: Node, control: Control, phone: str
) -> None:
    paired.terminate()
    store = tenant_folder(paired) / "auth_info" / "session.db"
    whole = store.read_bytes()
    damaged = whole[:4096] + os.urandom(len(whole) - 4096)
    store.write_bytes(damaged)
    assert "session.db is damaged" in refused(paired)
    assert store.read_bytes() == damaged
    store.write_bytes(b"this is no database at all, and long enough" * 100)
    assert "session.db is damaged" in refused(paired)
    store.write_bytes(b"")
    assert "STORE_MISSING" in refused(paired)
    store.unlink()
    assert "STORE_MISSING" in refused(paired)
    store.write_bytes(whole)
    paired.start()
    paired.wait_state("CONNECTED")


def test_pairs_again_when_told_to(paired: Node, control: Control, phone: str) -> None:
    paired.terminate()
    (tenant_folder(paired) / "auth_info" / "session.db").unlink()
    paired.start(BOTMESH_RE_PAIR="1")
    assert control.pair(paired, phone).phone_number == phone


def test_a_damaged_node_db(paired: Node) -> None:
    paired.terminate()
    store = tenant_folder(paired) / "node.db"
    store.write_bytes(b"this is no database at all, and long enough" * 100)
    assert "node.db cannot be used" in refused(paired)


def test_a_new_folder_for_a_known_account(make_node: Callable[..., Node]) -> None:
    node = make_node(BOTMESH_EXPECT_ACCOUNT="+5215512345678")
    assert "STORE_MISSING" in refused(node)
    assert "STORE_MISSING" in refused(node)  # the first try made the folder no older
    node.start(BOTMESH_RE_PAIR="1")
    node.wait_state("UNPAIRED")


def test_another_tenant_s_folder(make_node: Callable[..., Node]) -> None:
    node = make_node("north").start()
    node.wait_state("UNPAIRED")
    node.terminate()
    tenants = node.data_dir / "tenants"
    shutil.copytree(tenants / "north", tenants / "south")
    assert "belongs to tenant 'north'" in refused(make_node("south"))


def test_another_mesh_s_folder(node: Node) -> None:
    node.wait_state("UNPAIRED")
    node.terminate()
    assert "belongs to mesh 'e2e'" in refused(node, BOTMESH_MESH="other")


def test_another_account_s_keys(
    make_node: Callable[..., Node], control: Control, phone: str
) -> None:
    north, south = make_node("north").start(), make_node("south").start()
    control.pair(north, phone)
    control.pair(south, phone[:-5] + "9" + phone[-4:])
    north.terminate()
    south.terminate()
    keys = "auth_info/session.db"
    shutil.copy(tenant_folder(north) / keys, tenant_folder(south) / keys)
    assert "not of one tenant" in refused(south)


def test_a_sandbox_s_folder_is_never_used_for_real(node: Node) -> None:
    node.wait_state("UNPAIRED")
    node.terminate()
    assert "was made for a sandbox" in refused(node, BOTMESH_SANDBOX_ROOT_KEY="")


def test_a_real_folder_is_never_used_for_a_sandbox(make_node: Callable[..., Node]) -> None:
    node = make_node()
    node.start(BOTMESH_SANDBOX_ROOT_KEY="")  # real, but nobody watches: it dials nobody
    node.wait_state("UNPAIRED")
    node.terminate()
    assert "real WhatsApp accounts" in refused(node)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HTTPS_PROXY": ""}, "HTTPS_PROXY is not set"),
        ({"HTTPS_PROXY": "http://10.1.2.3:3128"}, "loopback"),
        ({"BOTMESH_MESH": "default"}, "BOTMESH_MESH is 'default'"),
        ({"BOTMESH_SANDBOX_ROOT_KEY": "beef"}, "BOTMESH_SANDBOX_ROOT_KEY"),
        ({"TENANT_ID": ""}, "TENANT_ID"),
        ({"TENANT_ID": "Not A Tenant"}, "TENANT_ID"),
        ({"BOT_API_PORT": "abc"}, "BOT_API_PORT"),
    ],
)
def test_wrong_settings(
    make_node: Callable[..., Node], settings: dict[str, str], words: str
) -> None:
    assert words in refused(make_node(), **settings)


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%b"])
def test_a_folder_name_that_would_end_the_path(
    make_node: Callable[..., Node], tmp_path: Path, name: str
) -> None:
    assert "contains" in refused(make_node(), BOTMESH_DATA_DIR=str(tmp_path / name))


def test_an_unwritable_folder(make_node: Callable[..., Node], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "cannot be" in refused(make_node(), BOTMESH_DATA_DIR=str(tmp_path / "file" / "mesh"))


def test_a_taken_port(make_node: Callable[..., Node]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        hosted = make_node().start(BOT_API_PORT=port)
        assert not hosted.address.endswith(port)  # a host learns where it is
        hosted.kill()
        alone = make_node().start(until_ready=False, BOT_API_PORT=port, BOTMESH_STATUS_FD="")
        assert alone.wait_exit() == EX_FAILED
        assert port in alone.tail()


def test_garbage_on_the_port(node: Node) -> None:
    host, _, port = node.address.partition(":")
    with socket.create_connection((host, int(port))) as line:
        line.sendall(os.urandom(4096))
    assert node.session().tenant_id == node.tenant_id


def test_killed_at_any_moment_it_starts_again(paired: Node, control: Control, phone: str) -> None:
    for delay in (0.1, 0.3, 0.5, 0.7, 0.9, 1.1):
        paired.kill()
        paired.start(until_ready=False)
        time.sleep(delay)  # a moment of the start, whichever it is
    paired.kill()
    paired.start()
    paired.wait_state("CONNECTED")
    store = sqlite3.connect(tenant_folder(paired) / "node.db")
    (count,), (head,) = (
        store.execute(query).fetchone()
        for query in ("SELECT count(*) FROM events", "SELECT event_head FROM meta")
    )
    store.close()
    assert count == head


def test_the_folder_removed_under_it(paired: Node, make_node: Callable[..., Node]) -> None:
    """A lease of a folder that is gone holds nothing: whoever replaces us then wins."""
    shutil.rmtree(tenant_folder(paired))
    second = make_node().start()
    assert eventually(lambda: second.session().state == session_pb2.SESSION_STATE_UNPAIRED)
