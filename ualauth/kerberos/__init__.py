"""Kerberos: passwords verified by a KDC that is verified itself, changes, and GSSAPI exchanges.

Internal: it may change in any release.
"""
