"""Consul's environment variables."""

import os
from pathlib import Path

import pytest

from registry.discovery.consul_settings import ConsulSettings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CONSUL_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("address", "ssl", "url"),
    [
        ("", "", "http://127.0.0.1:8500"),
        ("10.0.0.1:8500", "", "http://10.0.0.1:8500"),
        ("10.0.0.1:8500", "true", "https://10.0.0.1:8500"),
        ("http://consul:80", "", "http://consul:80"),
        ("http://consul:80", "1", "https://consul:80"),
        ("https://consul", "", "https://consul:8501"),
        ("consul", "false", "http://consul:8500"),
        ("https://consul:443", "0", "https://consul:443"),
        ("[::1]:8500", "", "http://[::1]:8500"),
        ("http://[::1]", "", "http://[::1]:8500"),
        ("unix:///run/consul.sock", "", "unix:///run/consul.sock"),
    ],
)
def test_where_it_is(monkeypatch: pytest.MonkeyPatch, address: str, ssl: str, url: str) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", address)
    monkeypatch.setenv("CONSUL_HTTP_SSL", ssl)
    assert ConsulSettings.load().url == url


@pytest.mark.parametrize(
    ("address", "is_local"),
    [
        ("127.0.0.1:8500", True),
        ("http://[::1]", True),
        ("https://localhost", True),
        ("unix:///run/consul.sock", True),
        ("10.0.0.1:8500", False),
        ("https://consul", False),
        ("[2001:db8::1]:8500", False),
    ],
)
def test_whether_it_is_on_this_machine(address: str, is_local: bool) -> None:
    assert ConsulSettings(address=address).is_local is is_local


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONSUL_HTTP_ADDR", "ftp://consul"),
        ("CONSUL_HTTP_ADDR", "consul:port"),
        ("CONSUL_HTTP_ADDR", "consul:99999"),
        ("CONSUL_HTTP_ADDR", "http://user:secret@consul"),
        ("CONSUL_HTTP_ADDR", "unix://"),
        ("CONSUL_HTTP_SSL", "perhaps"),
        ("CONSUL_CACERT", "/does/not/exist"),
        ("CONSUL_HTTP_TOKEN_FILE", "/does/not/exist"),
        ("CONSUL_CLIENT_CERT", __file__),
    ],
)
def test_a_mistake_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        ConsulSettings.load()
    assert ended.value.code == 78
    told = capsys.readouterr().err
    assert name in told
    assert "secret" not in told


def test_the_token_of_the_variable_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    monkeypatch.setenv("CONSUL_HTTP_TOKEN_FILE", str(file))
    assert ConsulSettings.load().read_token() == "of-the-file"
    monkeypatch.setenv("CONSUL_HTTP_TOKEN", "of-the-variable")
    settings = ConsulSettings.load()
    assert settings.read_token() == "of-the-variable"
    assert "of-the-variable" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_empty_variables_are_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_ADDR", "HTTP_TOKEN", "HTTP_TOKEN_FILE", "CACERT", "HTTP_SSL_VERIFY"):
        monkeypatch.setenv(f"CONSUL_{name}", "")
    settings = ConsulSettings.load()
    assert settings.url == "http://127.0.0.1:8500"
    assert settings.verify
    assert settings.read_token() == ""
