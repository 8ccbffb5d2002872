"""The modules that ualauth supplies: one a file, found by name, never imported directly.

Internal: their names, options and answers are public, their classes are not.
"""
