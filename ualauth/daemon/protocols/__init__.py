"""Protocols of the daemon, one a file: state machines without input and output."""
