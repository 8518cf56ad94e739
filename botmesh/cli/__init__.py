"""The ``botmesh`` command: what operators type."""
