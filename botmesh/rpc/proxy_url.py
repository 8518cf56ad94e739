"""The address of a proxy, which may hold a password."""

import ipaddress
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes, urlsplit

from botmesh.errors import invalid

# What WhatsApp's library takes (SetProxyAddress in whatsmeow's client.go).
SCHEMES = ("http", "https", "socks5")
MAX_LENGTH = 2000
# Of a user name and of a password in bytes (RFC 1929, section 2).
MAX_LOGIN_BYTES = 255
# RFC 1035, section 2.3.4.
_MAX_HOST_LENGTH = 253
_CONTROL = frozenset({*range(32), 127})

# RFC 3986, section 3.2.1; one ":" between user and password, any other is "%3A".
_LOGIN = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*")
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_PASSWORD = re.compile(r"(://[^\s/?#\"\\@:]*):[^\s/?#\"\\@]*(?=@)")
_LOGIN_RULE = (
    'has a user name or password that is none: write all but letters, digits and "-._~" as %XX'
)


def check_proxy_url(url: str, field: str = "proxy_url") -> str:
    """Return a proxy's address; raise INVALID_REQUEST if it cannot be one.

    Go's parser and Python's, which both come to read it, agree on all that passes. The error never
    repeats the address.
    """
    if (problem := next(_problems(url), None)) is not None:
        raise invalid(field, problem)
    return url


def _problems(url: str) -> Iterator[str]:
    """What is wrong, the first thing first; what comes after it has no meaning."""
    if len(url) > MAX_LENGTH:
        yield f"must be at most {MAX_LENGTH} characters"
    if not url.isascii() or not url.isprintable() or " " in url:
        yield "must have no spaces, control characters or letters beyond ASCII; write them as %XX"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "must be like http://user:password@host:port"
        return
    if parts.scheme not in SCHEMES:
        yield "must begin with http://, https:// or socks5://"
    if parts.path or "?" in url or "#" in url:
        yield "must have nothing after the port: no path, query or fragment"
    login, at, place = parts.netloc.rpartition("@")
    if port == 0 or not _is_place(place, parts.hostname or ""):
        yield "must name a host, and a port from 1 to 65535 where it is not the usual one"
    if at and not _is_login(login):
        yield _LOGIN_RULE


def _is_place(place: str, host: str) -> bool:
    """Whether "host", "host:port" or "[IPv6]:port" is one; urlsplit looked at the port's number."""
    if place.startswith("["):
        inside, _, rest = place[1:].partition("]")
        try:
            ipaddress.IPv6Address(inside)
        except ValueError:
            return False
        return "%" not in inside and (not rest or _is_port(rest))
    name, colon, port = place.partition(":")
    if len(name) > _MAX_HOST_LENGTH or _HOST.fullmatch(name) is None or name.lower() != host:
        return False
    return not colon or _is_port(f":{port}")


def _is_port(text: str) -> bool:
    return re.fullmatch(r":[0-9]{1,5}", text) is not None


def _is_login(login: str) -> bool:
    user, _, password = login.partition(":")
    for part in (user, password):
        if _LOGIN.fullmatch(part) is None:
            return False
        plain = unquote_to_bytes(part)
        if len(plain) > MAX_LOGIN_BYTES or _CONTROL & set(plain):
            return False
        try:
            plain.decode()
        except UnicodeDecodeError:
            return False
    # In HTTP's Basic scheme the first ":" ends the user name (RFC 7617).
    return bool(user) and b":" not in unquote_to_bytes(user)


def without_password(url: str) -> str:
    """The address as people may see it."""
    return hide_passwords(url)


def hide_passwords(text: str) -> str:
    """A text, e.g. an error of Go's, without the passwords of the addresses in it."""
    return _PASSWORD.sub(r"\1", text) if "@" in text else text


def is_on_loopback(url: str) -> bool:
    """Whether a proxy is on this machine, reachable from nowhere else."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
