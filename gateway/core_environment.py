"""What gRPC's core must find in the environment before it is first used."""

CORE_ENVIRONMENT = {
    # Core's event engine hands each call over between more threads than the poller before it did,
    # with twice the context switches; a gateway's time goes there. gRPC keeps this switch for the
    # time of the engine's introduction (grpc/grpc#41432); a core that does not know it any more
    # says so in a line, and goes without.
    "GRPC_EXPERIMENTS": "-event_engine_client,-event_engine_listener",
    # A gateway forks nothing.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}
