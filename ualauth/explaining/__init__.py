"""Logins that do not take place: what a service would decide, and why (`ualauth explain`).

The service is compiled as for a login, with methods in the place of those of its modules that
simulate, assume or are given the answer; all else is the login itself: the engine, the walk, the
rules for names, the reason, the audit record.

Internal: it may change in any release, but for what `ualauth` exports.
"""
