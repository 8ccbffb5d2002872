"""Fields that a mail server is told of a user, by templates: `home = "/var/mail/{domain}/{user}"`.

Templates name paths, and a value of the USERLIST becomes a part of one: what would be more than
one name in a path, or a variable of Dovecot, has no fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from ualauth.system.accounts import account_of, group_number

PLACEHOLDERS: Mapping[str, str] = {
    "user": "the authid",
    "address": "the primary address",
    "localpart": "what stands before the last `@` of that address",
    "domain": "what stands behind it",
    "mail_node": "as `ny,hq`",
    "unix_uid": "the number of the UNIX account",
    "mailbox_limit": "how large the mailbox may grow, in MB",
    "language": "a tag of BCP 47",
}
"""What stands between braces, and what for."""

_PLACE = re.compile(r"\{([a-z_]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_/:.-]*")
_NUMBER = re.compile(r"[0-9]{1,10}")
_HIGHEST = 2**32 - 2
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\%:]")
_RESERVED = frozenset({"user", "auth_mech", "auth_token", "auth_user", "chroot"})
"""What is not for a template: the daemon says it, or it is no user's."""


class UnsafeValue(Exception):
    """A value that must not be a part of a path, or a uid that must not be a user's."""


class UserFields:
    """The templates of a socket."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        """Read them.

        Raises:
            ValueError: for a template that makes no sense.

        """
        self._templates: list[tuple[str, list[str]]] = []
        for name, template in templates.items():
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise ValueError(f"has {name!r}, which cannot be told of a user")
            if not template or re.search(r"[\x00-\x1f\x7f]", template):
                raise ValueError(f"{name} must be a text without control characters")
            text = _as_number(name, template) if name in {"uid", "gid"} else template
            parts = _PLACE.split(text)
            for place in parts[1::2]:
                if place not in PLACEHOLDERS:
                    known = ", ".join(PLACEHOLDERS)
                    raise ValueError(f"{name} has {{{place}}}, which is none of {known}")
            self._templates.append((name, parts))

    def filled(self, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield the fields of a user; one of which a value is empty is left out.

        Raises:
            UnsafeValue: if a value must not stand where it would.

        """
        for name, parts in self._templates:
            places = {place: values.get(place, "") for place in parts[1::2]}
            if not all(places.values()):
                continue
            for place, value in places.items():
                if _UNSAFE.search(value) or value in {".", ".."}:
                    raise UnsafeValue(f"{{{place}}} cannot stand in {name}")
            text = "".join(places[part] if index % 2 else part for index, part in enumerate(parts))
            if name in {"uid", "gid"} and not _is_number(text):
                raise UnsafeValue(f"{name} would be {text!r}")
            yield name, text


@lru_cache(maxsize=64)
def user_fields(templates: tuple[tuple[str, str], ...]) -> UserFields:
    """Return what `UserFields` makes of templates; it asks the host for names of accounts once."""
    return UserFields(dict(templates))


def _as_number(name: str, template: str) -> str:
    if _PLACE.search(template):
        return template
    if _NUMBER.fullmatch(template):
        number: int | None = int(template)
    elif name == "uid":
        account = account_of(template)
        number = None if account is None else account.pw_uid
    else:
        number = group_number(template)
    if number is None:
        raise ValueError(f"{name}: this host has no {template!r}")
    if not _is_number(str(number)):
        raise ValueError(f"{name} {number} cannot be a user's")
    return str(number)


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and 0 < int(text) <= _HIGHEST
