"""Sinks for development and tests: an SMS gateway in Kannel's form and a mail server that send nothing further.

Both bind to 127.0.0.1. They keep what they get, with numbers and addresses, in a folder of this machine.
"""
