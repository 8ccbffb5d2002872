"""The configuration folder: read, and made ready.

Internal: it may change in any release.
"""
