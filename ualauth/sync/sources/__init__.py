"""Where entries come from, one kind of source a file.

Internal: it may change in any release.
"""
