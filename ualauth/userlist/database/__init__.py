"""The USERLIST in a database: connections, tables, queries, migrations.

Internal: it may change in any release.
"""
