"""Who may log in by an LDAP directory: om_ldap.conf, and what its rules make of answers.

Internal: it may change in any release.
"""
