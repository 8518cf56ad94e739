"""Consul's HTTP API as the mesh uses it, with errors that say what is to be done."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import consul.aio
import consul.base

from registry.discovery.consul_service import Service
from registry.discovery.consul_settings import ConsulSettings

T = TypeVar("T")

# How long an ordinary call may take.
CALL_LIMIT_S = 5.0
# How long the agent may hold a blocking query; it adds up to a sixteenth.
WAIT_S = 55
# The same for a wait whose end is seen at once if the agent ends: the line to one on this machine
# breaks with it, where another machine's may be cut without a word.
LOCAL_WAIT_S = 280
_ADDED = 1 / 16
# And how much longer its answer may take.
_WAIT_MARGIN_S = 11.0

# What Consul says (with status 500) when something that a call builds on is not there.
_GONE = (
    "invalid session",
    "missing check",
    "does not exist",
    "does not have associated ttl",
    "unknown check",
    "unknown service",
    "is in critical state",
)


class ConsulError(Exception):
    """A call to Consul failed."""


class ConsulUnavailableError(ConsulError):
    """The agent, or the servers behind it, cannot answer now."""


class ConsulDeniedError(ConsulUnavailableError):
    """The ACL token does not allow it; somebody has to mend that."""


class ConsulGoneError(ConsulError):
    """Consul does not have what the call builds on: the service, its check, or the session."""


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of Consul's key/value store; `session` is the session that holds it, if one does."""

    path: str
    value: bytes
    session: str | None
    modify_index: int


class ConsulClient:
    """The calls that the mesh makes. Used on one event loop; connects when it is first used.

    Every method raises `ConsulUnavailableError`, and `ConsulGoneError` where it says so. No text of
    an error holds the ACL token.
    """

    def __init__(self, settings: ConsulSettings) -> None:
        self._settings = settings
        self._token = settings.read_token()
        self._api: consul.aio.Consul | None = None

    @property
    def url(self) -> str:
        """Where the agent answers."""
        return self._settings.url

    @property
    def patience_s(self) -> int:
        """How long a blocking query may wait where many processes wait at the same time."""
        return LOCAL_WAIT_S if self._settings.is_local else WAIT_S

    async def close(self) -> None:
        """Close the connections."""
        api, self._api = self._api, None
        if api is not None:
            await api.close()

    # -- the key/value store

    async def key(
        self, path: str, index: int | None = None, *, wait_s: int = WAIT_S
    ) -> tuple[int, Key | None]:
        """One key, and the index of the answer.

        With an index it waits until there may be something newer, or the time is over.
        """
        number, found = await self._kv_get(path, index, wait_s, recurse=False)
        return number, None if found is None else _key(found)

    async def keys(
        self, prefix: str, index: int | None = None, *, wait_s: int = WAIT_S
    ) -> tuple[int, list[Key]]:
        """All keys below a prefix, and the index of the answer; waits like `key`."""
        number, found = await self._kv_get(prefix, index, wait_s, recurse=True)
        return number, [_key(item) for item in found or ()]

    async def acquire(self, path: str, value: bytes, session: str) -> bool:
        """Write a key and hold it; False while another session holds it or its delay runs.

        Raises:
            ConsulGoneError: the session is gone.
        """
        return bool(await self._call(self._kv.put(path, value, acquire=session)))

    async def delete(self, path: str, *, unless_newer_than: int | None = None) -> bool:
        """Delete a key; False if it was changed meanwhile."""
        return bool(await self._call(self._kv.delete(path, cas=unless_newer_than)))

    # -- sessions, services and checks

    async def create_session(self, name: str, checks: Iterable[str], lock_delay_s: int) -> str:
        """Make a session that lives as long as its checks are not critical; return its id.

        Raises:
            ConsulGoneError: a check is not known (yet), or critical.
        """
        session = self._consul().session
        made = session.create(name, checks=list(checks), lock_delay=lock_delay_s)
        return str(await self._call(made))

    async def destroy_session(self, session: str) -> None:
        """End a session; what it holds is free after its lock delay."""
        await self._call(self._consul().session.destroy(session))

    async def register_service(self, service: Service) -> None:
        """Make or change a service of this agent."""
        first, *others = service.checks
        register = self._consul().agent.service.register
        await self._call(
            register(
                service.name,
                service_id=service.service_id,
                address=service.host,
                port=service.port,
                tags=list(service.tags),
                meta=dict(service.meta),
                check=dict(first),
                extra_checks=[dict(check) for check in others],
            )
        )

    async def deregister_service(self, service_id: str) -> None:
        """Remove a service of this agent and its checks; nothing if there is none."""
        with contextlib.suppress(ConsulGoneError):
            await self._call(self._consul().agent.service.deregister(service_id))

    async def critical_services(self, name: str, tag: str) -> set[str]:
        """The ids of this agent's services of a name and with a tag that have a critical check."""
        words = f'Status == "critical" and ServiceName == "{name}" and "{tag}" in ServiceTags'
        checks = await self._call(self._consul().agent.checks(words))
        return {str(check["ServiceID"]) for check in checks.values()}

    async def tell_check(self, check_id: str, *, passing: bool, text: str) -> None:
        """Set a TTL check to passing or warning, with a text; that also restarts its clock.

        Raises:
            ConsulGoneError: the agent does not know the check.
        """
        check = self._consul().agent.check
        tell = check.ttl_pass if passing else check.ttl_warn
        if not await self._call(tell(check_id, notes=text)):
            raise ConsulGoneError(f"unknown check {check_id}")

    async def leader(self) -> str:
        """The address of the servers' leader; empty while there is none."""
        return str(await self._call(self._consul().status.leader()))

    # --

    @property
    def _kv(self) -> Any:
        return self._consul().kv

    async def _kv_get(
        self, path: str, index: int | None, wait_s: int, *, recurse: bool
    ) -> tuple[int, Any]:
        limit_s = CALL_LIMIT_S if index is None else wait_s * (1 + _ADDED) + _WAIT_MARGIN_S
        asked = self._kv.get(
            path, index=index, wait=f"{wait_s}s", recurse=recurse, connections_timeout=limit_s
        )
        number, found = await self._call(asked, limit_s)
        return int(number), found

    def _consul(self) -> consul.aio.Consul:
        if self._api is None:
            self._api = _Consul(self._settings)
            # The library lets the environment win over what it is given.
            self._api.token = self._token or None
        return self._api

    async def _call(self, call: Awaitable[T], limit_s: float = CALL_LIMIT_S) -> T:
        try:
            async with asyncio.timeout(limit_s):
                return await call
        except TimeoutError as error:
            raise ConsulUnavailableError(f"no answer in {limit_s:.0f} s") from error
        except (consul.ACLPermissionDenied, consul.ACLDisabled) as error:
            raise ConsulDeniedError(self._text(error)) from None
        except consul.ConsulException as error:
            text = self._text(error)
            gone = any(words in text.lower() for words in _GONE)
            raise (ConsulGoneError if gone else ConsulUnavailableError)(text) from None
        except (aiohttp.ClientError, OSError, UnicodeError, ValueError) as error:
            raise ConsulUnavailableError(self._text(error)) from None

    def _text(self, error: Exception) -> str:
        text = str(error).strip() or type(error).__name__
        return text.replace(self._token, "***") if self._token else text


class _Http(consul.aio.HTTPClient):  # type: ignore[misc]  # py-consul has no types
    """The library's client with a connector of our own.

    The library's own one is made with arguments that aiohttp has deprecated, reads the system's
    CAs even where no TLS is spoken, and knows no Unix sockets.
    """

    def __init__(self, settings: ConsulSettings) -> None:
        consul.base.HTTPClient.__init__(self, settings.host, settings.port, settings.scheme)
        if ":" in settings.host:
            self.base_uri = f"{settings.scheme}://[{settings.host}]:{settings.port}"
        self._session = aiohttp.ClientSession(
            connector=_connector(settings),
            timeout=aiohttp.ClientTimeout(total=None),  # each call has its own
            middlewares=(_never_again,),
        )


class _BrokenLineError(aiohttp.ClientError):
    """The line broke before the answer."""


async def _never_again(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the library from repeating a call in silence when the line breaks.

    A blocking query would then ask an agent that was restarted, and is empty, for an index that it
    reaches in days, and be deaf until its time is over.
    """
    try:
        return await send(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _BrokenLineError(str(error)) from error


class _Consul(consul.aio.Consul):  # type: ignore[misc]  # py-consul has no types
    def __init__(self, settings: ConsulSettings) -> None:
        self._settings = settings
        super().__init__(settings.host, settings.port, scheme=settings.scheme, verify=False)

    def http_connect(self, *_: object, **__: object) -> _Http:
        return _Http(self._settings)


def _connector(settings: ConsulSettings) -> aiohttp.BaseConnector:
    # A connection for each call: calls are rare, most of them wait, and an agent takes about 200
    # connections of one address.
    if settings.socket is not None:
        return aiohttp.UnixConnector(settings.socket, force_close=True)
    tls: ssl.SSLContext | bool = True
    if settings.scheme == "https":
        tls = _tls(settings)
    return aiohttp.TCPConnector(ssl=tls, force_close=True, limit=0)


class _NamedContext(ssl.SSLContext):
    """Expects the certificate of another name than the one that was connected to."""

    expected: str | None = None

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        if self.expected is not None:
            options["server_hostname"] = self.expected
        return super().wrap_bio(*arguments, **options)


def _tls(settings: ConsulSettings) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.expected = settings.server_name
    if settings.ca_file is not None or settings.ca_path is not None:
        context.load_verify_locations(settings.ca_file, settings.ca_path)
    else:
        context.load_default_certs()
    if settings.client_cert is not None:
        context.load_cert_chain(settings.client_cert, settings.client_key)
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _key(item: Mapping[str, Any]) -> Key:
    return Key(
        path=item["Key"],
        value=item["Value"] or b"",
        session=item.get("Session") or None,
        modify_index=item["ModifyIndex"],
    )
