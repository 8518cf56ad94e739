"""A tenant's own proxy at the adapter; the errors are Go's own."""

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from botnode import whatsapp_proxy
from botnode.settings import BotnodeSettings

DIAL = (
    "failed to dial whatsapp web websocket: failed to WebSocket dial: failed to send handshake "
    'request: Get "https://web.whatsapp.com/ws/chat": '
)
SOCKS = "socks connect tcp 127.0.0.1:1080->web.whatsapp.com:443"


@pytest.mark.parametrize(
    ("error", "begin"),
    [
        (f"{DIAL}Proxy Authentication Required", "the proxy refuses"),
        (
            f"{DIAL}{SOCKS}: username/password authentication failed",
            "the proxy refuses",
        ),
        (
            f"{DIAL}{SOCKS}: no acceptable authentication methods",
            "the proxy refuses",
        ),
        (
            f"{DIAL}proxyconnect tcp: dial tcp 127.0.0.1:1: connect: connection refused",
            "the proxy does not take",
        ),
        (
            f"{DIAL}socks connect tcp proxy:1->web.whatsapp.com:443: dial tcp: lookup proxy",
            "the proxy does not take",
        ),
        ("websocket is already connected", "websocket is already connected"),
        ("", ""),
    ],
)
def test_who_is_to_blame(error: str, begin: str) -> None:
    assert whatsapp_proxy.explained(error).startswith(begin)
    assert whatsapp_proxy.explained(error).endswith(error)


def test_no_password_is_told() -> None:
    error = 'parse "http://ana:secret@proxy:x": invalid port ":x" after host'
    assert whatsapp_proxy.explained(error) == error.replace(":secret", "")


def test_no_proxy_of_its_own() -> None:
    assert whatsapp_proxy.settings_of(None, "") is None


def test_the_library_gets_the_address_as_it_is() -> None:
    class Settings(ctypes.Structure):
        _fields_ = (("proxyAddress", ctypes.c_char_p),)

    def make(proxy_address: str) -> Any:
        return SimpleNamespace(_to_c_struct=lambda: Settings(proxy_address.encode()))

    given = whatsapp_proxy.settings_of(SimpleNamespace(ProxySettings=make), "http://a:b@c")
    read = ctypes.cast(given, ctypes.POINTER(Settings)).contents
    assert read.proxyAddress == b"http://a:b@c"


@pytest.mark.parametrize(
    ("own", "mesh", "media"),
    [
        ("socks5://a:b@own:1", "http://mesh:1", "socks5://a:b@own:1"),
        ("", "http://mesh:1", "http://mesh:1"),
        ("", "", ""),
    ],
)
def test_media_goes_the_same_way(
    monkeypatch: pytest.MonkeyPatch, own: str, mesh: str, media: str
) -> None:
    for name in ("https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TENANT_ID", "shop")
    monkeypatch.setenv("HTTPS_PROXY", mesh)
    monkeypatch.setenv("BOTMESH_PROXY_URL", own)
    settings = BotnodeSettings.load()
    assert settings.media_proxy == media
    assert "a:b" not in repr(settings)


def test_a_wrong_address_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TENANT_ID", "shop")
    monkeypatch.setenv("BOTMESH_PROXY_URL", "ftp://ana:secret@proxy")
    with pytest.raises(SystemExit) as ended:
        BotnodeSettings.load()
    assert ended.value.code == 78
    text = capsys.readouterr().err
    assert text == "botmesh: BOTMESH_PROXY_URL: must begin with http://, https:// or socks5://\n"
