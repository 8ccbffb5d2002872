"""The rules for an account: pure, without a database and without an attempt.

Internal: it may change in any release.
"""
