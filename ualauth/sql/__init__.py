"""Users of a database of others, asked by one query: `om_sql.conf`, the drivers, the rules.

Internal: it may change in any release.
"""
