"""LDAP: the client, om_ldap.conf, and the rules of who may log in.

Internal: it may change in any release.
"""
