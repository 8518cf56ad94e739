"""The whole mesh on one machine: ``botmesh up``."""
