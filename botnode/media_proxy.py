"""The proxy on the way to WhatsApp's media hosts.

Its address is the tenant's secret, and what it says is a stranger's: neither is in a text for
callers.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import ssl  # which only a transfer has need of

_DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080}
_LOGIN_REFUSED = 407
_MEDIA_HOST = "mmg.whatsapp.net"


class ProxyError(Exception):
    """The proxy leads nowhere; the text has neither its address nor its words in it."""


class MediaProxy:
    """A proxy that media goes through."""

    def __init__(self, url: str) -> None:
        """Take its address; asks nobody.

        Args:
            url: http, https or socks5, with user and password where needed.

        Raises:
            ProxyError: the address is none of these.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ProxyError("the address of the botnode's proxy is none") from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ProxyError("media cannot go through a proxy that is not http, https or socks5")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = port or _DEFAULT_PORTS[parts.scheme]
        self._login = unquote(parts.username or ""), unquote(parts.password or "")

    def dial(self, host: str, port: int, context: "ssl.SSLContext", timeout_s: float) -> Any:
        """A socket with TLS to a host, whose name the proxy looks up; blocks.

        Raises:
            ProxyError: the proxy cannot be reached, or does not lead there.
            OSError: TLS failed.
        """
        from python_socks import ProxyConnectionError, ProxyTimeoutError, ProxyType  # noqa: PLC0415 - only with a proxy
        from python_socks import ProxyError as Refusal  # noqa: PLC0415 - the same
        from python_socks.sync.v2 import Proxy  # noqa: PLC0415 - the same

        proxy = Proxy(
            ProxyType.SOCKS5 if self._scheme == "socks5" else ProxyType.HTTP,
            self._host,
            self._port,
            *self._login,
            rdns=True,
            proxy_ssl=context if self._scheme == "https" else None,
        )
        try:
            return proxy.connect(host, port, dest_ssl=context, timeout=timeout_s).socket
        except ProxyTimeoutError:
            raise ProxyError("the proxy did not answer in time") from None
        except ProxyConnectionError as error:
            raise ProxyError(f"the proxy cannot be reached{_why(error.errno)}") from None
        except Refusal as error:
            raise ProxyError(_refused(error.error_code)) from None


def proxy_of_environment(environment: Mapping[str, str] = os.environ) -> str:
    """The proxy that the library uses for media when none is set for the tenant; may be empty.

    Go reads the upper-case names first, and leaves the proxy out for the hosts of NO_PROXY.
    """
    url = environment.get("HTTPS_PROXY") or environment.get("https_proxy") or ""
    without = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    names = [name.strip().lower() for name in without.split(",")]
    host = f".{_MEDIA_HOST}"
    direct = "*" in names or any(host.endswith("." + n.lstrip("*.")) for n in names if n)
    if not url or direct:
        return ""
    return url if "://" in url else f"http://{url}"


def _why(number: int | None) -> str:
    # Names that are not found have negative numbers, which are no errno.
    return f": {os.strerror(number)}" if number is not None and number > 0 else ""


def _refused(code: int | None) -> str:
    if code == _LOGIN_REFUSED:
        return "the proxy refuses the tenant's user name and password"
    said = f"; it answered {int(code)}" if code else ""
    return f"the proxy does not take us to the media host{said}"
