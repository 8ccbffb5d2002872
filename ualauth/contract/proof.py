"""What it proves that an entry answers `SUCCESS`: what a stack can conclude is built on it."""

from __future__ import annotations

import enum


class Proof(enum.Enum):
    """What the `SUCCESS` of a module's `authenticate` says of a login."""

    CREDENTIAL = "credential"
    """Who logs in: a password, an exchange or a certificate was verified, or the kernel says who
    calls."""
    FACT = "fact"
    """Something about the login: that a list has the user, from where it comes, or when."""
    NOTHING = "nothing"
    """It succeeds for every user, or for reasons of its own."""
