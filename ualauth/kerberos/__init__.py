"""Kerberos: passwords verified by a KDC that is verified itself, changes, and GSSAPI exchanges."""
