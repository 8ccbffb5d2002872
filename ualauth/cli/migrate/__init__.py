"""`ualauth migrate`: files of other systems, written anew for ualauth.

Internal: it may change in any release.
"""
