"""How the tables came to be: one file in `versions` for each change, never edited later.

Internal: it may change in any release.
"""
