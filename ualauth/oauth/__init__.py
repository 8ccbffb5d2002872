"""OAuth 2 tokens: their keys, their claims, and issuers that are asked.

Internal: it may change in any release.
"""
