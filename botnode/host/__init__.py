"""The host: runs one botnode process per tenant on this machine."""
