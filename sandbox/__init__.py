"""A WhatsApp that runs on your machine, for trying without a phone and for tests.

A WhatsApp Web server on loopback that the real, unmodified neonize pairs with, sends through and
receives from, with phones that can be told to scan, write, read and misbehave.
"""
