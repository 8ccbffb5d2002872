"""om_ldap.conf: its text becomes a configuration.

Internal: it may change in any release.
"""
