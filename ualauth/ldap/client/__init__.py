"""LDAP directories: a client that never blocks an event loop, over one of two libraries.

Internal: it may change in any release.
"""
