"""The refusal of a token."""

from __future__ import annotations


class Refused(Exception):
    """The token is not to be trusted; the text is for the log, and has nothing of it."""

    signed: bool = False
    """Whether the issuer has signed it all the same: then it is no guess (expired, say)."""
