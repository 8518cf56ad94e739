"""Signal's protocol, version 3, in the wire format of libsignal that WhatsApp uses."""
