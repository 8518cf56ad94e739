"""A tenant's own proxy, as neonize takes it, and what the library says when it does not work.

For WebSocket and media the library goes through it instead of HTTPS_PROXY (applyProxySettings in
goneonize's main.go, SetProxyAddress in whatsmeow's client.go). Only the way *to* a SOCKS proxy
still heeds HTTPS_PROXY: whatsmeow changes how that transport dials, and not its proxy.
"""

import ctypes
import re
from typing import Any

from botmesh.rpc.proxy_url import hide_passwords

_REFUSED = re.compile(
    r"Proxy Authentication Required|username/password authentication failed"
    r"|no acceptable authentication methods",
    re.IGNORECASE,
)
_UNREACHED = re.compile(r"proxyconnect tcp: |socks connect ")


def settings_of(binder: Any, proxy_url: str) -> Any:
    """The last argument of Go's ``Neonize``; None for no proxy of the tenant's own."""
    if not proxy_url:
        return None
    settings = binder.ProxySettings(proxy_address=proxy_url)
    return ctypes.byref(settings._to_c_struct())  # noqa: SLF001 - as neonize's connect does


def explained(error: str) -> str:
    """An error of connecting, without passwords; where the proxy is to blame it says so first."""
    text = hide_passwords(error)
    if _REFUSED.search(text):
        return f"the proxy refuses the tenant's user name and password: {text}"
    if _UNREACHED.search(text):
        return f"the proxy does not take the tenant to WhatsApp: {text}"
    return text
