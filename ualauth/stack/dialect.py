"""The few points in which one libpam differs from another.

Source: Linux-PAM's main branch for `LINUX_PAM`, the patches of Debian's
package pam 1.5.2 for `DEBIAN`, both measured.
"""

from __future__ import annotations

from ualauth.text.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a service file is read and walked, where that is not the same everywhere."""

    name: str
    jump_counts_when_frozen: bool
    """A jump in `setcred` and `close_session` counts as `required`; otherwise as ignored."""
    blank_ends_continuation: bool
    """After a continued line, a comment or blank line ends the entry; otherwise it is skipped."""
    include_limit: int
    """How deep files may include each other, the service file itself being level 0."""
    at_include: bool = True
    """`@include FILE` takes the lines of all types from FILE. Upstream has no such word."""
    trusting: bool = False
    """Take whatever libpam takes: any service name (what follows the last slash of it
    counts), folders as empty files, files that every user can write to. For comparisons only."""


LINUX_PAM = Dialect(
    "linux-pam",
    jump_counts_when_frozen=True,
    blank_ends_continuation=True,
    include_limit=16,  # PAM_SUBSTACK_MAX_LEVEL
)
DEBIAN = Dialect(
    "debian",
    jump_counts_when_frozen=False,
    blank_ends_continuation=False,
    # Debian's has none and recurses until it crashes; no service needs this many.
    include_limit=64,
)
DIALECTS = {dialect.name: dialect for dialect in (LINUX_PAM, DEBIAN)}
