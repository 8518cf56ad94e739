"""What native code must find in the environment that the process was started with.

Go and C never see a later change, so a botnode that was started without these starts again in
place; whoever starts botnodes saves that by setting them.
"""

GO_ENVIRONMENT = {
    # By default neonize marks every direct message as a business bot's, which WhatsApp shows.
    "NEONIZE_BOT_TAG": "off",
    # A tenant's process is small and mostly idle.
    "GOGC": "25",
    "GOMAXPROCS": "1",
    # glibc's: else most of the threads that allocate get a heap of their own, 0.7 MB at rest, and
    # 1 MB more once messages came and went. Few of them ever run side by side.
    "MALLOC_ARENA_MAX": "1",
    # gRPC's: what it does to live through a fork doubles what an idle botnode costs. A botnode
    # forks nothing that goes on with gRPC: its helpers are programs of their own.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
}
