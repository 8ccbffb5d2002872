"""The migrations, in the order of their numbers.

Internal: it may change in any release.
"""
