"""botmesh: one WhatsApp account per tenant, each in a process of its own, behind one gRPC door."""

__version__ = "0.1.0"
