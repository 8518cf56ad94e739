"""A process that has imported all that a botnode needs, and forks botnodes from itself."""
