"""How the databases are connected to and asked, each by the library that is made for it.

Internal: it may change in any release.
"""
