"""`[serve]`: the processes of `ualauth serve`."""

from __future__ import annotations

from ualauth.text.dataclass import dataclass

_MOST = 64


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """`[serve]`: the processes of `ualauth serve`.

    `workers` is how many answer clients; 0 is one for each processor. `user` and `group` are
    whose rights they have, if the daemon is started by root; the first process, which opens the
    sockets and talks to no client, stays root's. `kick` is the program that `ualauth kick` calls
    for each user, with its arguments, such as Dovecot's: `["/usr/bin/doveadm", "kick", "{user}"]`.
    """

    workers: int = 0
    user: str = ""
    group: str = ""
    kick: tuple[str, ...] = ()

    def mistakes(self) -> list[str]:
        """Return what cannot be, as `name must be ...`; empty if all is well."""
        mistakes = []
        if not 0 <= self.workers <= _MOST:
            mistakes.append(f"workers must be from 0 to {_MOST}")
        if self.group and not self.user:
            mistakes.append("group must stand with user")
        if self.kick and not (
            self.kick[0].startswith("/") and any("{user}" in each for each in self.kick[1:])
        ):
            mistakes.append("kick must be the path of a program and arguments, {user} among them")
        return mistakes
