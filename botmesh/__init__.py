"""botmesh: one WhatsApp account per tenant, each in a process of its own, behind one gRPC door."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("botmesh")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
