"""What every server of the mesh shares: settings, logging, errors on the wire, life cycle."""
