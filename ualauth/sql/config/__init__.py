"""How om_sql.conf is read.

Internal: it may change in any release.
"""
