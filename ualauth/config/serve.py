"""`[serve]`: the processes of `ualauth serve`."""

from __future__ import annotations

from ualauth.text.dataclass import dataclass

_MOST = 64


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """`[serve]`: the processes of `ualauth serve`.

    `workers` is how many answer clients; 0 is one for each processor. `user` and `group` are
    whose rights they have, if the daemon is started by root; the first process, which opens the
    sockets and talks to no client, stays root's.
    """

    workers: int = 0
    user: str = ""
    group: str = ""

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = []
        if not 0 <= self.workers <= _MOST:
            mistakes.append(f"workers must be from 0 to {_MOST}")
        if self.group and not self.user:
            mistakes.append("group must stand with user")
        return mistakes
