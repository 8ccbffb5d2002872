"""The USERLIST in a database: connections, tables, queries, migrations. Internal."""
