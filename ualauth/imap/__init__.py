"""The client that tries a password on an IMAP server.

Internal: it may change in any release.
"""
