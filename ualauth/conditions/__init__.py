"""Conditions on a login: by user, peer, time and way of the login.

Internal: it may change in any release.
"""
