"""What om_auth does with a user's record in one attempt.

Internal: it may change in any release.
"""
