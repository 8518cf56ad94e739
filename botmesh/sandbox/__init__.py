"""The control of a sandbox WhatsApp, as a contract."""
