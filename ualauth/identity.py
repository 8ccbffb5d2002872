"""Whom a successful login vouches for.

A module that recognized a user vouches for a `Person`; the transaction makes
it an `Identity`, which is the library's answer to a server.

This is the public path; the definitions are in `ualauth.contract`.
"""

from __future__ import annotations

from ualauth.contract.identity import Identity, MailboxClass, Person

__all__ = [
    "Identity",
    "MailboxClass",
    "Person",
]
