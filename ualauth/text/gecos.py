"""Names of people as the GECOS field of passwd(5) has them: without what that cannot hold."""

from __future__ import annotations

_UNFIT = str.maketrans(dict.fromkeys(":,&\\", " "))


def gecos_of(personal_name: str) -> str:
    """Return a personal name without the characters that mean something in these files."""
    return personal_name.translate(_UNFIT)
