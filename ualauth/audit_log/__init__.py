"""The audit log, read back: its lines, what is looked for in them, and what they amount to.

Internal: it may change in any release.
"""
