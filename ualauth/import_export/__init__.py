"""Users to and from files of other programs: CSV, LDIF, passwd, Dovecot's passwd-files.

Internal: it may change in any release.
"""
