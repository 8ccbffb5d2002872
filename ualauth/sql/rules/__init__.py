"""What a row says of a user: who it is, the password, and whether the account may be used.

Internal: it may change in any release.
"""
