"""The address of a proxy, and where its password must not be."""

from urllib.parse import urlsplit

import pytest

from botmesh.errors import MeshError, Reason
from botmesh.rpc.proxy_url import check_proxy_url, hide_passwords, is_on_loopback, without_password


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy:3128",
        "https://proxy.example.com",
        "socks5://10.0.0.1:1080",
        "HTTP://Proxy.Example.com:1",
        "http://[::1]:65535",
        "http://[2001:db8::1]",
        "socks5://ana:secret@proxy:1080",
        "http://ana@proxy",
        "http://ana:@proxy",
        "http://ana:p%40ss%3Aword%2F@proxy",
        "http://customer-ana-country-mx:a!$&'()*+,;=~_.-b@proxy:22225",
        f"http://{'u' * 255}:{'p' * 255}@proxy",
        "http://%C3%B1:%C3%B1@proxy",
    ],
)
def test_addresses_that_are_some(url: str) -> None:
    assert check_proxy_url(url) == url
    assert urlsplit(url).hostname


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "begin with"),
        ("proxy:3128", "begin with"),
        ("ana:secret@proxy:3128", "begin with"),
        ("ftp://ana:secret@proxy", "begin with"),
        ("socks4://ana:secret@proxy", "begin with"),
        ("socks5h://ana:secret@proxy", "begin with"),
        ("file:///etc/secret", "begin with"),
        ("http://", "a host"),
        ("http://ana:secret@", "a host"),
        ("http://ana:secret@:3128", "a host"),
        ("http://proxy:0", "a port"),
        ("http://ana:secret@proxy:65536", "must be like"),
        ("http://ana:secret@proxy:-1", "must be like"),
        ("http://ana:secret@proxy:٣", "beyond ASCII"),
        ("http://ana:secret@proxy:+80", "must be like"),
        ("http://ana:secret@proxy: 80", "spaces"),
        ("http://ana:secret@proxy/", "nothing after"),
        ("http://ana:secret@proxy?x", "nothing after"),
        ("http://ana:secret@proxy?", "nothing after"),
        ("http://ana:secret@proxy#x", "nothing after"),
        ("http://ana:secret@proxy:1:2", "must be like"),
        ("http://ana:secret@-proxy", "a host"),
        ("http://ana:secret@pro..xy", "a host"),
        ("http://ana:secret@pro%41xy", "a host"),
        ("http://ana:secret@pro<xy", "a host"),
        ("http://ana:secret@[::1", "must be like"),
        ("http://ana:secret@[nonsense]:1", "must be like|a host"),
        ("http://ana:secret@[fe80::1%25eth0]", "must be like|a host"),
        ("http://ana:secret@[::1]x:1", "must be like|a host"),
        ("http://:secret@proxy", "user name"),
        ("http://@proxy", "user name"),
        ("http://ana:sec@ret@proxy", "user name"),
        ("http://ana:sec:ret@proxy", "user name"),
        ("http://ana:sec%ret@proxy", "user name"),
        ("http://ana:sec%00ret@proxy", "user name"),
        ("http://ana%0D%0AX:secret@proxy", "user name"),
        ("http://a%3Ana:secret@proxy", "user name"),
        ("http://ana:secret%FF@proxy", "user name"),
        ('http://ana:sec"ret@proxy', "user name"),
        (f"http://{'u' * 256}:secret@proxy", "user name"),
        (f"http://ana:{'%41' * 256}@proxy", "user name"),
        ("http://ana:secret\n@proxy", "control characters"),
        ("http://ana:secret\x00@proxy", "control characters"),
        ("http://ñ:secret@proxy", "beyond ASCII"),
        (f"http://{'x' * 254}", "a host"),
        (f"http://ana:secret@{'x' * 2000}", "at most 2000"),
    ],
)
def test_addresses_that_are_none(url: str, words: str) -> None:
    with pytest.raises(MeshError, match=words) as refused:
        check_proxy_url(url)
    error = refused.value
    assert error.reason is Reason.INVALID_REQUEST
    assert [violation.field for violation in error.violations] == ["proxy_url"]
    assert "secret" not in f"{error} {error.violations} {error.metadata}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ana:s%40c@proxy:3128", "http://ana@proxy:3128"),
        ("http://ana@proxy:3128", "http://ana@proxy:3128"),
        ("http://proxy:3128", "http://proxy:3128"),
        ("socks5://ana:@proxy", "socks5://ana@proxy"),
        ("", ""),
        (
            'parse "http://ana:secret@proxy:x": invalid port ":x" after host',
            'parse "http://ana@proxy:x": invalid port ":x" after host',
        ),
        (
            "of http://a:secret@b and socks5://c:secret@d",
            "of http://a@b and socks5://c@d",
        ),
        ("dial tcp 127.0.0.1:1: refused", "dial tcp 127.0.0.1:1: refused"),
        ("119271086564630:7@lid", "119271086564630:7@lid"),
        (r"'http://ana:secret@proxy\n'", r"'http://ana@proxy\n'"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert hide_passwords(text) == without_password(text) == shown


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://ana:secret@127.1.2.3:1", True),
        ("socks5://localhost", True),
        ("http://[::1]:1", True),
        ("http://127.0.0.1@192.0.2.1:1", False),
        ("http://192.0.2.1:1", False),
        ("http://localhost.example.com", False),
        ("http://2130706433", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_what_is_on_this_machine(url: str, *, here: bool) -> None:
    assert is_on_loopback(url) is here
