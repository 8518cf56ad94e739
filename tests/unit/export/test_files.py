import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from botmesh.export import pm2, systemd
from botmesh.export.program import Plan, plan
from botmesh.rpc import environment
from botmesh.rpc.settings import MeshSettings
from botmesh.v1 import DesiredState, Tenant

NAME = """Mundo "Apple" $HOME `id` \\ ñ"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    for variable in (*environment.NETWORK, *environment.CONSUL, *environment.GATEWAY):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "s3cr3t")
    monkeypatch.setenv("BOTMESH_DATABASE_URL", "postgresql://bots:s3cr3t@db/registry")
    monkeypatch.setenv("HTTPS_PROXY", "http://bots:s3cr3t@proxy:3128")
    monkeypatch.setenv("BOTMESH_GATEWAY_PORT", "50052")
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "127.0.0.1:8500")
    tenants = [
        Tenant(
            tenant_id="mundo",
            name=NAME,
            bot_port=3001,
            phone_number="+5215512345678",
            desired_state=DesiredState.DESIRED_STATE_RUNNING,
            proxy_url="http://ana@proxy:3128",
        ),
        Tenant(tenant_id="sur", desired_state=DesiredState.DESIRED_STATE_STOPPED),
    ]
    settings = MeshSettings(mesh="blue", data_dir=tmp_path / "my data")
    return plan(settings, "consul", tenants)


def test_pm2_gets_the_gateway_and_each_tenant_that_shall_run(found: Plan) -> None:
    text = pm2.ecosystem(found)
    body = text[text.index("{") : text.rindex(";")]
    gateway, botnode = json.loads(body)["apps"]
    assert (gateway["name"], gateway["args"]) == ("botmesh-gateway", ["-m", "gateway"])
    assert gateway["env"]["BOTMESH_GATEWAY_PORT"] == "50052"
    assert botnode["name"] == "botmesh-botnode-mundo"
    assert botnode["env"] == {
        "BOTMESH_MESH": "blue",
        "BOTMESH_DATA_DIR": str(found.data_dir),
        "BOTMESH_DISCOVERY": "consul",
        "CONSUL_HTTP_ADDR": "127.0.0.1:8500",
        "TENANT_ID": "mundo",
        "TENANT_NAME": NAME,
        "BOT_API_PORT": "3001",
        "BOTMESH_EXPECT_ACCOUNT": "+5215512345678",
        "BOTMESH_PROXY_URL": "http://ana@proxy:3128",
        "HTTPS_PROXY": "",
    }
    assert botnode["stop_exit_codes"] == [78]


def test_no_secret_is_written_and_what_is_left_out_is_named(found: Plan) -> None:
    assert found.left_out == ("BOTMESH_DATABASE_URL", "CONSUL_HTTP_TOKEN", "HTTPS_PROXY")
    assert found.logins == ("mundo",)
    written = [pm2.ecosystem(found), *systemd.files(found, "bots").values()]
    assert not [text for text in written if "s3cr3t" in text]


def test_systemd_gets_a_unit_for_all_tenants_and_a_file_for_each(found: Plan) -> None:
    files = systemd.files(found, "bots")
    assert set(files) == {
        "botmesh-gateway.service",
        "botmesh-botnode@.service",
        "mesh.env",
        "gateway.env",
        "tenants/mundo.env",
    }
    assert "Type=notify" in files["botmesh-botnode@.service"]
    assert "User=bots" in files["botmesh-botnode@.service"]


def test_any_name_survives_the_environment_file(found: Plan) -> None:
    lines = systemd.files(found, "bots")["tenants/mundo.env"].splitlines()
    # The rules of EnvironmentFile's double quotes are the shell's.
    words = dict(word.split("=", 1) for line in lines for word in shlex.split(line))
    assert words["TENANT_NAME"].replace("\\$", "$").replace("\\`", "`") == NAME


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_units(found: Plan, tmp_path: Path) -> None:
    for name, text in systemd.files(found, "root").items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    units = [str(tmp_path / systemd.GATEWAY_UNIT), str(tmp_path / systemd.BOTNODE_UNIT)]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "botmesh" in line]
    assert complaints == []
