"""Controls and extended operations that the server knows, and their values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ualauth.ldap.server import messages as m
from ualauth.ldap.server.ber import (
    Malformed,
    Reader,
    element,
    integer,
    octet_string,
    sequence,
)
from ualauth.ldap.server.messages import Control, Request
from ualauth.ldap.server.results import Refusal, ResultCode

PAGED_RESULTS = "1.2.840.113556.1.4.319"
"""RFC 2696."""
PASSWORD_POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # noqa: S105 - draft-behera-ldap-password-policy-10, 6
MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2"
"""RFC 3296: there are no referrals here, so that it changes nothing."""
START_TLS = "1.3.6.1.4.1.1466.20037"
"""RFC 4511, section 4.14."""
PASSWORD_MODIFY = "1.3.6.1.4.1.4203.1.11.1"  # noqa: S105 - RFC 3062
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
"""RFC 4532."""
CANCEL = "1.3.6.1.1.8"
"""RFC 3909."""
FEATURES = ("1.3.6.1.4.1.4203.1.5.1", "1.3.6.1.4.1.4203.1.5.3")
"""All operational attributes by `+` (RFC 3673); filters that are true or false (RFC 4526)."""

_WRITES = (m.Add, m.Modify, m.ModifyName, m.Delete)
_KNOWN: Mapping[str, tuple[type, ...]] = {
    PAGED_RESULTS: (m.Search,),
    PASSWORD_POLICY: (m.Bind, m.Add, m.Modify, m.Extended),
    MANAGE_DSA_IT: (m.Search, m.Compare, *_WRITES),
}
"""Control -> the requests that it means something with."""
SUPPORTED = tuple(sorted(_KNOWN))

_MOST_DIGITS = 2**31 - 1


def check(request: Request, controls: Collection[Control]) -> None:
    """Refuse a control that is critical and not known, or stands there twice.

    Raises:
        Refusal: with the code for it.

    """
    for control in controls:
        if control.is_critical and not isinstance(request, _KNOWN.get(control.oid, ())):
            code = ResultCode.UNAVAILABLE_CRITICAL_EXTENSION
            raise Refusal(code, "a critical control is not known here")
    known = [each.oid for each in controls if each.oid in _KNOWN]
    if len(known) != len(set(known)):
        raise Refusal(ResultCode.PROTOCOL_ERROR, "a control stands there twice")


def value_of(controls: Collection[Control], oid: str) -> bytes | None:
    """Return the value of a control; `None` if it is not there or has none."""
    return next((each.value for each in controls if each.oid == oid), None)


def has(controls: Collection[Control], oid: str) -> bool:
    """Return whether a control is there."""
    return any(each.oid == oid for each in controls)


class Page(NamedTuple):
    """What a client asks for: a page of so many entries, after those that a cookie tells."""

    size: int
    cookie: bytes


def read_page(controls: Collection[Control]) -> Page | None:
    """Return the page that is asked for, `None` if the client asks for none.

    Raises:
        Malformed: if the control has no value of it.

    """
    if not has(controls, PAGED_RESULTS):
        return None
    value = value_of(controls, PAGED_RESULTS)
    if value is None:
        raise Malformed("a page without a size")
    pair = Reader(value).inner()
    size, cookie = pair.integer(), pair.octets()
    if not 0 <= size <= _MOST_DIGITS:
        raise Malformed("a page of a size that is none")
    return Page(size, cookie)


def page(cookie: bytes) -> Control:
    """Return the control that ends a page; without a cookie, it is the last one."""
    return Control(PAGED_RESULTS, False, sequence(integer(0), octet_string(cookie)))  # noqa: FBT003 - critical


class PolicyError:
    """Why a password is refused, as the draft numbers it (section 6.2)."""

    EXPIRED = 0
    LOCKED = 1
    CHANGE_AFTER_RESET = 2
    NOT_ALLOWED = 3
    OLD_PASSWORD_NEEDED = 4
    QUALITY = 5
    TOO_SHORT = 6
    TOO_YOUNG = 7
    IN_HISTORY = 8


def policy(
    error: int | None = None, seconds: int | None = None, logins: int | None = None
) -> Control:
    """Return the control of password policy in an answer.

    It has the `seconds` until the password expires, or how many `logins` an expired one has left.
    """
    warning = b"" if seconds is None else element(0xA0, integer(seconds, 0x80))
    if logins is not None:
        warning = element(0xA0, integer(logins, 0x81))
    wrong = b"" if error is None else integer(error, 0x81)
    return Control(PASSWORD_POLICY, False, sequence(warning, wrong))  # noqa: FBT003 - critical


class NewPassword(NamedTuple):
    """What a client asks by RFC 3062; each part is `None` if it is not there."""

    user: str | None
    old: str | None
    new: str | None

    def __repr__(self) -> str:
        """Show no secret."""
        return f"NewPassword({self.user!r})"


def read_new_password(value: bytes | None) -> NewPassword:
    """Return what is asked.

    Raises:
        Malformed: if it is not of RFC 3062.

    """
    parts: dict[int, str] = {}
    if value is not None:
        reader = Reader(value).inner()
        for tag in (0x80, 0x81, 0x82):
            if reader.peek() == tag:
                parts[tag] = reader.text(tag)
    return NewPassword(parts.get(0x80), parts.get(0x81), parts.get(0x82))


def generated(password: str) -> bytes:
    """Return the elements behind the result: a password that was made for the user."""
    return octet_string(sequence(octet_string(password, 0x80)), 0x8B)


def read_cancel(value: bytes | None) -> int:
    """Return the number of the message that is not waited for any more.

    Raises:
        Malformed: if there is none.

    """
    if value is None:
        raise Malformed("nothing to cancel")
    return Reader(value).inner().integer()
