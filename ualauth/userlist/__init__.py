"""The USERLIST: the mail system's own directory of users.

Internal: it may change in any release.
"""
