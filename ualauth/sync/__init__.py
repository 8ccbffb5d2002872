"""Synchronization: one way, from a directory into the USERLIST.

Internal: it may change in any release.
"""
