"""Protocols of the daemon, one a file: state machines without input and output.

Internal: the contract is in `ualauth.daemon.protocol`.
"""
