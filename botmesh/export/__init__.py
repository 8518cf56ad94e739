"""Files for process managers that run botnodes in the host's place."""
