"""The wire of WhatsApp Web: JIDs, nodes, their binary form, Noise and frames."""
