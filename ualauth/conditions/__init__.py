"""Conditions on a visit: by user, peer, time and way of the login.

Internal: it may change in any release.
"""
