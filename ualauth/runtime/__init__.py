"""One login in progress: its handle, its items, its driver, and what is told of it.

Internal: it may change in any release.
"""
