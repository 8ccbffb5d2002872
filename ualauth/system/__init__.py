"""The host: its accounts, its networks, its descriptors, and servers that keep silent.

Internal: it may change in any release.
"""
