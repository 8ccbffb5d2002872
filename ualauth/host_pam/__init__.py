"""The host's own PAM: libpam, called without blocking other logins, in transactions that last.

Internal: it may change in any release.
"""
