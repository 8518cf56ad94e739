"""What the library's Go part must find in the environment that the process was started with.

Go never sees a later change, so a botnode that was started without these starts again in place;
whoever starts botnodes saves that by setting them.
"""

GO_ENVIRONMENT = {
    # By default neonize marks every direct message as a business bot's, which WhatsApp shows.
    "NEONIZE_BOT_TAG": "off",
    # A tenant's process is small and mostly idle.
    "GOGC": "25",
    "GOMAXPROCS": "1",
}
