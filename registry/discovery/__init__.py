"""Where each tenant's botnode answers: the ports and their implementations."""
