"""Where Consul's agent answers, by Consul's own environment variables.

They are those of Consul's command line, so what works there works here:
https://developer.hashicorp.com/consul/commands#environment-variables
"""

import contextlib
import ipaddress
import os
import sys
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from botmesh.rpc.lifecycle import EX_CONFIG

DEFAULT_ADDRESS = "127.0.0.1:8500"
_SCHEMES = frozenset({"http", "https", "unix"})
_PORTS = {"http": 8500, "https": 8501}


class ConsulSettings(BaseSettings):
    """How to reach Consul."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    address: str = Field(
        DEFAULT_ADDRESS,
        validation_alias="CONSUL_HTTP_ADDR",
        description="Consul's agent: `host:port`, `http://...`, `https://...` or `unix:///...`.",
    )
    token: SecretStr = Field(
        SecretStr(""), validation_alias="CONSUL_HTTP_TOKEN", description="The ACL token."
    )
    token_file: Path | None = Field(
        None, validation_alias="CONSUL_HTTP_TOKEN_FILE", description="A file with the ACL token."
    )
    ssl: bool = Field(
        False, validation_alias="CONSUL_HTTP_SSL", description="Use TLS, whatever the address says."
    )
    verify: bool = Field(
        True,
        validation_alias="CONSUL_HTTP_SSL_VERIFY",
        description="Check the agent's certificate.",
    )
    ca_file: Path | None = Field(
        None, validation_alias="CONSUL_CACERT", description="The CA of the agent's certificate."
    )
    ca_path: Path | None = Field(
        None, validation_alias="CONSUL_CAPATH", description="A folder with such CAs."
    )
    client_cert: Path | None = Field(
        None, validation_alias="CONSUL_CLIENT_CERT", description="Our certificate for the agent."
    )
    client_key: Path | None = Field(
        None, validation_alias="CONSUL_CLIENT_KEY", description="The key of that certificate."
    )
    server_name: str | None = Field(
        None,
        validation_alias="CONSUL_TLS_SERVER_NAME",
        description="The name that the agent's certificate is for, if not the address.",
    )

    @classmethod
    def load(cls, **given: object) -> "ConsulSettings":
        """Read the environment; on a mistake say which variable it is and exit with 78.

        Args:
            given: fields that win over the environment.
        """
        try:
            return cls(**given)  # type: ignore[arg-type]  # pydantic looks at it
        except ValidationError as error:
            _exit_naming_variables(error)

    @classmethod
    def variable_of(cls, field: str) -> str:
        """The environment variable that a field is read from."""
        info = cls.model_fields.get(field)
        alias = info.validation_alias if info is not None else None
        return alias if isinstance(alias, str) else field

    @field_validator("address")
    @classmethod
    def _address(cls, value: str) -> str:
        value = value.strip() or DEFAULT_ADDRESS
        parts = urlsplit(value if "://" in value else f"http://{value}")
        if parts.scheme not in _SCHEMES:
            raise ValueError("must be host:port, http://..., https://... or unix:///...")
        try:
            good = bool(parts.path if parts.scheme == "unix" else parts.hostname)
            _ = parts.port
        except ValueError:
            good = False
        if not good or parts.username or parts.query:
            raise ValueError("must be host:port, http://..., https://... or unix:///...")
        return value

    @field_validator("token_file", "ca_file", "ca_path", "client_cert", "client_key", mode="before")
    @classmethod
    def _unset_when_empty(cls, value: object) -> object:
        return value or None

    @field_validator("ssl", "verify", mode="before")
    @classmethod
    def _default_when_empty(cls, value: object, info: object) -> object:
        if value == "":
            return getattr(info, "field_name", "") == "verify"
        return value

    @field_validator("ca_file", "ca_path", "client_cert", "client_key")
    @classmethod
    def _exists(cls, value: Path | None) -> Path | None:
        if value is not None and not value.exists():
            raise ValueError(f"{value} does not exist")
        return value

    @field_validator("token_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                value.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"{value} cannot be read") from error
        return value

    @model_validator(mode="after")
    def _pair(self) -> "ConsulSettings":
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("CONSUL_CLIENT_CERT and CONSUL_CLIENT_KEY belong together")
        return self

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.ssl or self.address.startswith("https://") else "http"

    @property
    def socket(self) -> str | None:
        """The path of the agent's Unix socket, if it listens on one."""
        return urlsplit(self.address).path if self.address.startswith("unix://") else None

    @property
    def host(self) -> str:
        """The agent's host; an IPv6 address without its brackets."""
        return self._parts()[0]

    @property
    def is_local(self) -> bool:
        """Whether the agent is one of this machine, as it is meant to be."""
        if self.socket is not None or self.host == "localhost":
            return True
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False

    @property
    def port(self) -> int:
        """The agent's port."""
        return self._parts()[1]

    @property
    def url(self) -> str:
        """Where the agent answers, for people; Consul's UI is at `/ui` below it."""
        if self.socket is not None:
            return self.address
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def read_token(self) -> str:
        """The ACL token, or an empty string. The variable wins over the file."""
        if token := self.token.get_secret_value():
            return token
        return self.token_file.read_text().strip() if self.token_file is not None else ""

    def _parts(self) -> tuple[str, int]:
        if self.socket is not None:
            return "localhost", 80
        address = self.address if "://" in self.address else f"//{self.address}"
        parts = urlsplit(address)
        return parts.hostname or "127.0.0.1", parts.port or _PORTS[self.scheme]


def _exit_naming_variables(error: ValidationError) -> NoReturn:
    for problem in error.errors(include_url=False, include_input=False):
        where = str(problem["loc"][0]) if problem["loc"] else ""
        name = where if where in os.environ else ConsulSettings.variable_of(where)
        text = problem["msg"].removeprefix("Value error, ")
        sys.stderr.write(f"botmesh: {name}: {text}\n")
    sys.exit(EX_CONFIG)
