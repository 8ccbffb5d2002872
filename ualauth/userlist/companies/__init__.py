"""Companies that are hosted: each sees only its own users and groups.

Internal: it may change in any release.
"""
