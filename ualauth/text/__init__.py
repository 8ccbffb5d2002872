"""Text: when two names are the same, how they are escaped, and what classes are made of.

Internal: it may change in any release.
"""
