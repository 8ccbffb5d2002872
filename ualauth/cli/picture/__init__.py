"""Stacks as pictures: text, SVG and HTML.

Internal: it may change in any release.
"""
