"""Text: when two names are the same, and how they are escaped.

Internal: it may change in any release.
"""
