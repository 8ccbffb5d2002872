"""Files that an administrator writes: read safely, and shown where they are wrong.

Internal: it may change in any release.
"""
