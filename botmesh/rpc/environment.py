"""Which environment variables are passed on from one process of a mesh to the next.

Nothing else of an environment is inherited: it may hold anything, credentials too.
"""

import os
from collections.abc import Iterable
from urllib.parse import urlsplit

# What any program of ours runs with.
SYSTEM = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV"),
    # Where the program itself lies, when it is not installed, and where it keeps its bytecode.
    *("PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
)
# The way to WhatsApp; Go reads the upper-case names only.
NETWORK = ("HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE")
# The Go runtime's memory and processors.
GO = ("GOGC", "GOMAXPROCS", "GOMEMLIMIT")
# Where Consul's agent answers, as its own command line is told.
CONSUL = (
    *("CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE", "CONSUL_HTTP_SSL"),
    *("CONSUL_HTTP_SSL_VERIFY", "CONSUL_CACERT", "CONSUL_CAPATH", "CONSUL_CLIENT_CERT"),
    *("CONSUL_CLIENT_KEY", "CONSUL_TLS_SERVER_NAME"),
)
# Settings of a botnode that are the same for all tenants of a machine.
PACING = (
    *("BOTMESH_PACING_MESSAGES_PER_MINUTE", "BOTMESH_PACING_NEW_CHATS_PER_DAY"),
    *("BOTMESH_PACING_LEAST_PAUSE_S", "BOTMESH_PACING_MOST_PAUSE_S"),
    *("BOTMESH_PACING_RATE_LIMIT_PAUSE_S", "BOTMESH_PACING_REACH_OUT_PAUSE_S"),
)
MEDIA = (
    *("BOTMESH_MEDIA_UPLOAD_KEEP_DAYS", "BOTMESH_MEDIA_RECEIVED_KEEP_DAYS"),
    *("BOTMESH_MEDIA_UNFINISHED_KEEP_HOURS", "BOTMESH_MEDIA_FETCH_LIMIT_MB"),
    *("BOTMESH_MEDIA_TENANT_LIMIT_MB", "BOTMESH_MEDIA_KEEP_FREE_MB"),
)
BOTNODE = ("BOT_API_HOST", "BOTMESH_RE_PAIR", *PACING, *MEDIA)
SHARED = ("BOTMESH_LOG_LEVEL", "BOTMESH_LOG_FORMAT", "BOTMESH_DISCOVERY")
GATEWAY = (
    *("BOTMESH_GATEWAY_HOST", "BOTMESH_GATEWAY_PORT", "BOTMESH_GATEWAY_GRACE_S"),
    "BOTMESH_DATABASE_URL",
)
HOST = ("BOTMESH_PARALLEL_STARTS", "BOTMESH_SPAWN", "BOTMESH_DATABASE_URL")

# Secrets by their nature; others are secret when a password stands in their URL.
_SECRET = frozenset({"CONSUL_HTTP_TOKEN"})


def passed_on(names: Iterable[str]) -> dict[str, str]:
    """Those of these variables that are set and not empty."""
    return {name: value for name in names if (value := os.environ.get(name))}


def is_secret(name: str, value: str) -> bool:
    """Whether a variable must not be written to a file that others may read."""
    return name in _SECRET or ("://" in value and "@" in urlsplit(value).netloc)
