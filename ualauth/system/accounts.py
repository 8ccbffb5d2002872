"""What the host itself knows of users and groups: getpwnam(3), getgrouplist(3).

These functions ask the host's name services, which may be a directory on the
network: they block, and modules call them through `attempt.offload`.
"""

from __future__ import annotations

import grp
import os
import pwd


def account_of(user: str) -> pwd.struct_passwd | None:
    """Return the host's account of that name, if there is one."""
    try:
        return pwd.getpwnam(user)
    except (KeyError, ValueError):
        return None


def account_of_uid(uid: int) -> pwd.struct_passwd | None:
    """Return the host's account of that number, if there is one."""
    try:
        return pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return None


def is_group(name: str) -> bool:
    """Return whether the host has a group of that name."""
    try:
        grp.getgrnam(name)
    except (KeyError, ValueError):
        return False
    return True


def group_number(name: str) -> int | None:
    """Return the number of the host's group of that name, if there is one."""
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        return None


def is_member(user: str, group: str) -> bool:
    """Return whether a user is in a group, as any of its members or by the primary group.

    False if the host does not know the user or the group, as Linux-PAM's
    pam_modutil_user_in_group_nam_nam.
    """
    account = account_of(user)
    if account is None:
        return False
    try:
        entry = grp.getgrnam(group)
    except (KeyError, ValueError):
        return False
    return (
        account.pw_gid == entry.gr_gid
        or account.pw_name in entry.gr_mem
        or entry.gr_gid in os.getgrouplist(account.pw_name, account.pw_gid)
    )
