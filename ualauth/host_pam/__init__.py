"""The host's own PAM: libpam, called without blocking anybody, in visits that last.

Internal: it may change in any release.
"""
