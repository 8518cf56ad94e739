"""The data directory of a mesh on one machine.

It is marked with the mesh's name when it is made, so that a folder of one mesh is never used by
another, nor a sandbox's folder for real WhatsApp.
"""

import json
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from botmesh.rpc.lifecycle import ConfigError
from botmesh.rpc.names import is_tenant_id

MARK = "mesh.json"
SECRET = "mesh.secret"  # noqa: S105 - the file's name, not its content
# session.db is opened through a URI, in which these characters would end the path.
FORBIDDEN = frozenset("?#%")


class DataDirError(ConfigError):
    """The data directory cannot be used by this mesh."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """A marked data directory.

    Attributes:
        path: absolute.
        mesh: the mesh's name.
        is_sandbox: everything in it belongs to a sandbox's accounts, not to WhatsApp's.
        host_id: a random id of this directory, which stands for this machine in the registry.
        secret: what callers of a botnode must send, 64 hexadecimal digits.
    """

    path: Path
    mesh: str
    is_sandbox: bool
    host_id: str
    secret: str = field(repr=False)

    @classmethod
    def open(cls, path: Path, mesh: str, *, sandbox: bool | None = None) -> "DataDir":
        """Open the directory, and make and mark it first where there is none.

        Args:
            path: the directory.
            mesh: whose it must be.
            sandbox: whether it must be a sandbox's; None takes it as it is marked, and marks a
                new one as not a sandbox's.

        Raises:
            DataDirError: it belongs to another mesh or kind of mesh, or cannot be written.
        """
        path = path.expanduser().absolute()
        if found := FORBIDDEN & set(str(path)):
            raise DataDirError(f"BOTMESH_DATA_DIR {path} contains {' '.join(sorted(found))}")
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark = _mark(path, mesh, sandbox=bool(sandbox))
            secret = _create_once(path / SECRET, secrets.token_hex(32)).strip()
        except OSError as error:
            raise DataDirError(f"BOTMESH_DATA_DIR {path} cannot be used: {error}") from error
        _check_private(path / SECRET)
        if mark["mesh"] != mesh:
            raise DataDirError(
                f"BOTMESH_DATA_DIR {path} belongs to mesh '{mark['mesh']}', not '{mesh}'"
            )
        if sandbox is not None and mark["sandbox"] != sandbox:
            kind = "a sandbox" if mark["sandbox"] else "real WhatsApp accounts"
            raise DataDirError(f"BOTMESH_DATA_DIR {path} was made for {kind}")
        return cls(path, mesh, bool(mark["sandbox"]), str(mark["host_id"]), secret)

    @staticmethod
    def is_marked_sandbox(path: Path) -> bool:
        """Whether a directory exists and is marked as a sandbox's."""
        try:
            return bool(json.loads((path.expanduser() / MARK).read_text())["sandbox"])
        except (OSError, ValueError, KeyError, TypeError):
            return False

    @property
    def tenants(self) -> Path:
        """Where the tenants' folders are."""
        return self.path / "tenants"

    @property
    def run(self) -> Path:
        """Where running processes leave their marks."""
        return self._subfolder("run")

    @property
    def logs(self) -> Path:
        """Where the host writes the botnodes' logs."""
        return self._subfolder("logs")

    @property
    def registry_url(self) -> str:
        """The SQLAlchemy URL of the registry that lives in this directory."""
        return f"sqlite:///{self.path / 'registry.db'}"

    def tenant(self, tenant_id: str) -> Path:
        """A tenant's folder; it may not exist yet."""
        if not is_tenant_id(tenant_id):
            raise ValueError(f"not a tenant id: {tenant_id!r}")
        return self.tenants / tenant_id

    def _subfolder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def _mark(path: Path, mesh: str, *, sandbox: bool) -> dict[str, str | bool]:
    fresh = {"mesh": mesh, "sandbox": sandbox, "host_id": secrets.token_hex(8)}
    text = _create_once(path / MARK, json.dumps(fresh))
    try:
        mark = json.loads(text)
        return {key: mark[key] for key in fresh}
    except (ValueError, KeyError, TypeError) as error:
        raise DataDirError(f"{path / MARK} is damaged: {error}") from error


def _create_once(path: Path, content: str) -> str:
    """Write a 0600 file unless it exists, whoever else tries at the same time; return its text."""
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # fails, unlike a rename, if somebody was faster
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


def _check_private(path: Path) -> None:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise DataDirError(f"{path} is readable by other users: chmod 600 it")
