"""A message cannot make a botnode ask anybody but WhatsApp's media hosts."""

import pytest

from botmesh.errors import MeshError, Reason
from botnode.media_host_download import places
from botnode.media_http import PlaceError, place_at, place_of
from botnode.media_ports import MediaKind, MediaReference
from botnode.media_proxy import proxy_of_environment
from botnode.whatsapp_media import TicketError, hide_secrets, read_ticket

URL = "https://mmg.whatsapp.net/v/t62.7118-24/1_2_n.enc?ccb=11-4&oh=x&mms3=true"


def reference(url: str = "", direct_path: str = "") -> MediaReference:
    return MediaReference(
        MediaKind.STICKER, url, direct_path, bytes(32), bytes(32), b"\xff" * 32, 1
    )


def test_a_media_host_is_asked() -> None:
    place = place_of(URL)
    assert (place.host, place.target) == ("mmg.whatsapp.net", URL.partition(".net")[2])
    assert place_of("https://MEDIA-mex1-1.cdn.WhatsApp.net:443/v").host.endswith("whatsapp.net")


@pytest.mark.parametrize(
    "url",
    [
        "http://mmg.whatsapp.net/v",
        "ftp://mmg.whatsapp.net/v",
        "file:///etc/passwd",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/v",
        "https://mmg.whatsapp.net.example.com/v",
        "https://notwhatsapp.net/v",
        "https://example.com/mmg.whatsapp.net",
        "https://example.com#.whatsapp.net/v",
        "https://example.com?.whatsapp.net/v",
        "https://example.com\\.whatsapp.net/v",
        "https://mmg.whatsapp.net@example.com/v",
        "https://user@mmg.whatsapp.net/v",
        "https://mmg.whatsapp.net:8443/v",
        "https://mmg.whatsapp.net:x/v",
        "https://[::1]/v",
        "https://[/v",
        "https://.whatsapp.net/v",
        "https://mmg_x.whatsapp.net/v",
        "https://mmg.whatsapp.net",
        "https://mmg.whatsapp.net/v x",
        "https://mmg.whatsapp.net/v\r\nHost: example.com",
        "https://mmg.whatsapp.net/ñ",
        "https://\uff4dmg.whatsapp.net/v",
        "//mmg.whatsapp.net/v",
        "",
    ],
)
def test_nobody_else_is_asked(url: str) -> None:
    try:
        place = place_of(url)
    except PlaceError:
        return
    # What urlsplit strips (line ends) does not count as long as nothing of it is left.
    assert place.host == "mmg.whatsapp.net"
    assert place.target.isprintable()
    assert "\r" in url


@pytest.mark.parametrize("path", ["", "v", "@example.com/", "/v x", "/v\r\n", "/v#x", "/\x00"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(PlaceError):
        place_at("mmg.whatsapp.net", path)
    with pytest.raises(MeshError) as refused:
        places(reference(direct_path=path, url="https://example.com/v"))
    assert refused.value.reason is Reason.MEDIA_DAMAGED


def test_the_path_comes_before_the_address() -> None:
    query = "hash=__________________________________________8%3D&mms-type=image&__wa-mms="
    first, second = places(
        reference(URL.replace("mmg", "media-1.cdn"), "/v/t62.7118-24/1_2_n.enc?oh=x")
    )
    assert first.target == f"/v/t62.7118-24/1_2_n.enc?oh=x&{query}"
    assert (first.host, second.host) == ("mmg.whatsapp.net", "media-1.cdn.whatsapp.net")
    (only,) = places(reference(URL, "/v"))
    assert only.target == f"/v?{query}"
    assert [place.host for place in places(reference(URL))] == ["mmg.whatsapp.net"]


def test_the_ticket_is_read_out_of_the_error_and_hidden() -> None:
    text = (
        'failed to execute request: Post "https://mmg.whatsapp.net/mms/image/q3=?auth=a%2Bb.c'
        '&token=q3%3D": proxyconnect tcp: dial tcp 127.0.0.1:0: connect: connection refused'
    )
    ticket = read_ticket(text)
    assert (ticket.host, ticket.auth) == ("mmg.whatsapp.net", "a+b.c")
    assert "a+b" not in repr(ticket)
    shown = hide_secrets(text)
    assert "a%2Bb" not in shown
    assert "auth=…&token=…" in shown
    for other in ("failed to refresh media connections: timed out", 'Post "https://h/x?y": EOF'):
        with pytest.raises(TicketError):
            read_ticket(other)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, ""),
        ({"HTTPS_PROXY": "http://127.0.0.1:3128"}, "http://127.0.0.1:3128"),
        ({"HTTPS_PROXY": "127.0.0.1:3128"}, "http://127.0.0.1:3128"),
        ({"https_proxy": "socks5://p:1", "NO_PROXY": ""}, "socks5://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "localhost, whatsapp.net"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".whatsapp.net"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "app.net,127.0.0.1"}, "http://p:1"),
    ],
)
def test_the_proxy_is_the_librarys(environment: dict[str, str], proxy: str) -> None:
    assert proxy_of_environment(environment) == proxy
