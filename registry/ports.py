"""Which ports botnodes are given.

A tenant's port is a preference: a botnode whose port is taken by something else picks another and
announces that one. Ports that well-known servers listen on are not given out, so that a tenant
does not take the port of the database that is installed next month; asked for by name, they are.
"""

from collections.abc import Iterable

from botmesh.errors import MeshError, Reason, invalid

# What may be asked for: lower ones belong to the system.
LOWEST_PORT = 1024
HIGHEST_PORT = 65535

FIRST_PORT = 3001
# Linux hands out 32768 and above to outgoing connections: a botnode would find its port in use.
LAST_PORT = 32767

WELL_KNOWN_PORTS = frozenset(
    {
        *(3260, 3268, 3269, 3306, 3389, 3478, 3690),  # iSCSI, LDAP, MySQL, RDP, STUN, Subversion
        *(4000, 4222, 4317, 4318, 4369, 4444, 4646),  # NATS, OpenTelemetry, Erlang, Nomad
        *(5000, 5060, 5061, 5173, 5222, 5353, 5432),  # SIP, Vite, XMPP, mDNS, PostgreSQL
        *(5433, 5601, 5671, 5672, 5900, 5984, 5985),  # Kibana, AMQP, VNC, CouchDB, WinRM
        *(6000, 6379, 6380, 6432, 6443, 6660, 6667),  # X11, Redis, PgBouncer, Kubernetes, IRC
        *(7000, 7001, 7474, 7687, 7946),  # Cassandra, Neo4j, Serf
        *(8000, 8008, 8080, 8081, 8086, 8088, 8090),  # HTTP, InfluxDB
        *(8200, 8300, 8301, 8302, 8443, 8500, 8501),  # Vault, Consul, HTTPS
        *(8502, 8503, 8600, 8761, 8883, 8888, 8983),  # Consul, Eureka, MQTT, Jupyter, Solr
        *(9000, 9001, 9042, 9090, 9091, 9092, 9093),  # MinIO, Cassandra, Prometheus, Kafka
        *(9100, 9160, 9200, 9300, 9411, 9418),  # node exporter, Elasticsearch, Zipkin, Git
        *(10000, 10250, 11211, 11434, 15672, 16686),  # Webmin, kubelet, memcached, Jaeger
        *(25565, 26257, 27017, 27018, 27019, 28015),  # CockroachDB, MongoDB, RethinkDB
        50051,  # the gateway
    }
)


def first_free_port(taken: Iterable[int]) -> int:
    """The lowest port from 3001 on that no tenant has and that is not well known.

    Args:
        taken: the tenants' ports, ascending.

    Raises:
        MeshError: PORT_TAKEN when none is left.
    """
    used = {port for port in taken if port >= FIRST_PORT} | WELL_KNOWN_PORTS
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if port not in used:
            return port
    raise MeshError(Reason.PORT_TAKEN, f"no port is free between {FIRST_PORT} and {LAST_PORT}")


def check_port(port: int, field: str = "bot_port") -> int:
    """Return a port; raise INVALID_REQUEST naming `field` if no tenant may ask for it."""
    if not LOWEST_PORT <= port <= HIGHEST_PORT:
        raise invalid(field, f"must be {LOWEST_PORT} to {HIGHEST_PORT}")
    return port
