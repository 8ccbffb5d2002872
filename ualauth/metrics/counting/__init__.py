"""Subclasses that count what the classes do that they take the place of, one a file.

Internal: it may change in any release.
"""
