"""Where a sandbox can be found, as it is written to ``sandbox.json`` for those who use it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FILE_NAME: Final = "sandbox.json"


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a client process and the command need to know of a running sandbox."""

    proxy_url: str
    ca_file: str
    root_key: str
    control_address: str
    data_dir: str
    pid: int

    def environment(self) -> dict[str, str]:
        """What a client process must be started with.

        Go reads its environment once, at the start of the process, and knows the upper-case names
        only; ``SSL_CERT_FILE`` replaces the roots that the machine trusts.
        """
        return {
            "HTTPS_PROXY": self.proxy_url,
            "NO_PROXY": "",
            "SSL_CERT_FILE": self.ca_file,
            "BOTMESH_SANDBOX_ROOT_KEY": self.root_key,
        }

    def write(self) -> None:
        """Put them into the data directory, readable for the owner alone, all or nothing."""
        path = Path(self.data_dir) / FILE_NAME
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            json.dump(asdict(self), file, indent=2)
        part.replace(path)


def read(data_dir: Path) -> Addresses:
    """What the sandbox of a data directory last wrote; raises OSError and ValueError."""
    try:
        return Addresses(**json.loads((data_dir / FILE_NAME).read_text()))
    except TypeError as error:
        raise ValueError(f"{data_dir / FILE_NAME} is not a sandbox's") from error
